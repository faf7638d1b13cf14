package sdp

import "testing"

func TestDirection(t *testing.T) {
	reverse := map[Direction]Direction{SendRecv: SendRecv, SendOnly: RecvOnly, RecvOnly: SendOnly, Inactive: Inactive}
	for d, want := range reverse {
		if got := d.Reverse(); got != want {
			t.Errorf("reverse of %v is %v, want %v", d, got, want)
		}
		if named, ok := directionByName(d.String()); !ok || named != d {
			t.Errorf("%q names %v", d.String(), named)
		}
		if got := d.Both(SendRecv); got != d {
			t.Errorf("%v and sendrecv make %v", d, got)
		}
		if got := d.Both(Inactive); got != Inactive {
			t.Errorf("%v and inactive make %v", d, got)
		}
	}
	if got := SendOnly.Both(RecvOnly); got != Inactive {
		t.Errorf("sendonly and recvonly make %v", got)
	}
}
