package main

import (
	"testing"
	"time"
)

// TestQualityIsWhatItIs: a good network changes nothing that was said, loss is concealed and nothing else, and the same network is
// always the same.
func TestQualityIsWhatItIs(t *testing.T) {
	t.Parallel()
	good := listen(network{jitter: 2 * time.Millisecond})
	if good.Concealed > 0.001 || good.SNR < 34 || good.DelayP50 > 25 || good.DelayP99 > 40 {
		t.Errorf("a good network: %+v", good)
	}
	bad := network{loss: 0.05, burst: 3, jitter: 20 * time.Millisecond}
	one, again := listen(bad), listen(bad)
	if one != again {
		t.Errorf("%+v, and again %+v", one, again)
	}
	if one.Concealed < 0.03 || one.Concealed > 0.07 || one.SNR > good.SNR-0.5 || one.DelayP50 < good.DelayP50 {
		t.Errorf("a bad network: %+v", one)
	}
}
