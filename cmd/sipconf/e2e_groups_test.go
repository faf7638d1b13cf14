//go:build e2e && linux

package main

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipconf/sipconf/bench/phone"
	"github.com/sipconf/sipconf/dialout/groups/dbtest"
)

// The database of the groups is killed while groups are called, is down, stands still, and comes back: no call is lost, whoever
// calls a group meanwhile hears that it cannot be read and is in his room, and afterwards all is well without a restart.
func TestE2EDatabaseIsKilled(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(testing.TB) *dbtest.Server{"postgres": dbtest.PostgreSQL, "mysql": dbtest.MariaDB} {
		t.Run(name, func(t *testing.T) { databaseIsKilled(t, name, start(t)) })
	}
}

func databaseIsKilled(t *testing.T, dialect string, db *dbtest.Server) {
	db.Start()
	var rows []string
	for group := 100; group < 104; group++ {
		for n := range 4 {
			rows = append(rows, fmt.Sprintf("('%d', '%d')", group, 10*group+n))
		}
	}
	db.Exec(dbtest.Table(t, dialect), "INSERT INTO conf_groups (groupid, extension) VALUES "+strings.Join(rows, ", "))
	o, trunk := newTrunkOffice(t, func(cfg *Config) { cfg.Groups.Store = db.URL })
	killed := make(chan struct{})
	for n := range 4 {
		trunk.when(fmt.Sprint(1010+n), func(in *phone.Incoming) { // those of group 101 ring until the database is dead
			in.Ring()
			<-killed
			if call, err := in.Accept(); err == nil {
				call.Speak(phone.Tone(toneOf(fmt.Sprint(1010+n)), loud))
			}
		})
	}
	first := o.joins(phone.Config{Name: "First", Number: "301"}, "*100", 400)
	o.eventually("the first group is in", func() bool { return len(o.numbersIn("301")) == 5 })
	second := o.joins(phone.Config{Name: "Second", Number: "302"}, "*101", 450)
	o.eventually("the second group rings", func() bool { return o.figure("sipconf_dialouts") == 4 })

	db.Kill()
	close(killed)
	o.eventually("the second group is in", func() bool { return len(o.numbersIn("302")) == 5 })
	third := o.joins(phone.Config{Name: "Third", Number: "303"}, "*102", 500)
	o.hearsWords("Third", third)
	o.eventually("the failure is counted", func() bool { return o.figure(`sipconf_group_lookups_total{outcome="failed"}`) == 1 })
	if len(o.numbersIn("303")) != 1 {
		t.Error("Third is not in his room")
	}

	// A database that stands still is given up after 3 s.
	db.Start()
	db.Freeze()
	begin := time.Now()
	fourth := o.joins(phone.Config{Name: "Fourth", Number: "304"}, "*103", 550)
	o.eventually("he is in his room meanwhile", func() bool { return len(o.numbersIn("304")) == 1 })
	o.eventually("that is counted too", func() bool { return o.figure(`sipconf_group_lookups_total{outcome="slow"}`) == 1 })
	t.Logf("a database that stands still is given up after %v", time.Since(begin).Round(time.Millisecond))
	o.hearsWords("Fourth", fourth)
	db.Thaw()

	// Nothing was restarted: the next one who calls a group has it.
	fifth := o.joins(phone.Config{Name: "Fifth", Number: "305"}, "*103", 600)
	o.eventually("the group of the fifth is in", func() bool { return len(o.numbersIn("305")) == 5 })
	for _, call := range []*phone.Call{first, second, third, fourth, fifth} {
		select {
		case <-call.Done():
			t.Errorf("a call was lost: %+v", call.Ending())
		default:
		}
	}
	o.hears("First", first, []float64{toneOf("1001"), toneOf("1003")})
	o.hears("Second", second, []float64{toneOf("1011"), toneOf("1013")})
	o.hears("Fifth", fifth, []float64{toneOf("1031"), toneOf("1033")})
}

// TestE2EDatabaseIsKilledWhileItIsAsked: nine callers wait for its answers.  They are in their rooms all the same, hear
// why nobody comes, and when the database is back the key that calls those who are missing calls their groups.
func TestE2EDatabaseIsKilledWhileItIsAsked(t *testing.T) {
	t.Parallel()
	for scheme, server := range map[string]func(testing.TB) *dbtest.Server{"postgres": dbtest.PostgreSQL, "mysql": dbtest.MariaDB} {
		t.Run(scheme, func(t *testing.T) {
			db := server(t)
			db.Start()
			db.Exec(dbtest.Table(t, scheme))
			for member := range 27 {
				db.Exec(fmt.Sprintf("INSERT INTO conf_groups (groupid, extension) VALUES ('%d', '%d')", 101+member/3, 200+member))
			}
			o, trunk := newTrunkOffice(t, func(cfg *Config) { cfg.Groups.Store = db.URL })
			db.Freeze()
			directors := o.dialGroups(9)
			o.eventually("they are all in their rooms", func() bool { return o.ua.Calls() == 9 })
			db.Kill()
			for i, director := range directors {
				o.hearsWords(fmt.Sprint("director ", i+1), director)
				if n := len(o.numbersIn(fmt.Sprint(301 + i))); n != 1 {
					t.Errorf("director %d is one of %d in his room", i+1, n)
				}
			}
			if n := o.figure(`sipconf_group_lookups_total{outcome="failed"}`) + o.figure(`sipconf_group_lookups_total{outcome="slow"}`); n != 9 {
				t.Errorf("%v lookups have failed, by the metrics", n)
			}
			if said := o.log.String(); strings.Count(said, "the group cannot be called") != 9 || strings.Contains(said, "geheim") {
				t.Error("the log does not say nine times why, or has the password in it")
			}

			db.Start()
			for i, director := range directors {
				o.presses(director, "**1")
				o.eventually("the group is in", func() bool { return len(o.numbersIn(fmt.Sprint(301+i))) == 4 })
			}
			if n := o.ua.Calls(); n != 36 || len(trunk.calls()) != 27 {
				t.Errorf("%d calls, after %d INVITEs, want nine rooms of four", n, len(trunk.calls()))
			}
		})
	}
}

// dialGroups has directors 301, 302 and so on dial *101, *102 and so on, all at once.
func (o *office) dialGroups(n int) []*phone.Call {
	o.Helper()
	directors := make([]*phone.Call, n)
	var all sync.WaitGroup
	for i := range directors {
		p := o.phone(phone.Config{Number: fmt.Sprint(301 + i)})
		all.Go(func() {
			call, err := p.Call(o.soon(), o.uri(fmt.Sprint("*", 101+i), "udp", true))
			if err != nil {
				o.Errorf("director %d: %v", i+1, err)
				return
			}
			directors[i] = call
		})
	}
	if all.Wait(); o.Failed() {
		o.FailNow()
	}
	return directors
}
