package media

import "testing"

func TestMuting(t *testing.T) {
	var m Muting
	want := func(from, to int64, muted bool) {
		t.Helper()
		if got := m.touches(from, to); got != muted {
			t.Errorf("[%d,%d) muted = %v, want %v", from, to, got, muted)
		}
	}
	want(0, 1, false)
	m.begin(100)
	want(0, 100, false)
	want(1000, 1160, true) // the end is not known yet
	m.end(200)
	m.begin(300) // while the one before has not been played
	m.end(400)
	want(150, 160, true)
	want(200, 300, false)
	want(299, 301, true)
	m.begin(300) // told once more
	m.end(450)
	want(440, 450, true)
	want(150, 160, true)
	m.begin(500) // its end is lost
	m.begin(900)
	m.end(1000)
	want(600, 700, true)
	want(1000, 2000, false)
	m.begin(0) // overtaken by all the others
	m.end(50)
	want(40, 60, true)
	want(900, 910, true)
	want(100, 110, true)
	for i := range int64(20) { // only the newest are kept
		m.begin(10_000 + 200*i)
		m.end(10_100 + 200*i)
	}
	want(0, 10_000, false)
	want(13_600, 13_601, true)
}
