package main

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipconf/sipconf/bench/phone"
	"github.com/sipconf/sipconf/codec"
)

// TestE2EUpgradesUnderLoad: thirty legs speak, and the server is replaced three times, by another version and back. Only what does not depend on how busy
// the machine is can fail it.
func TestE2EUpgradesUnderLoad(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and starts servers")
	}
	o, err := parseOptions([]string{"-legs", "30", "-rooms", "3", "-time", "5s", "-bursts", "1", "-upgrades", "3", "-patience", "1s",
		"-server-binary", versionOf(t, "1.0.1"), "-upgrade-to", versionOf(t, "1.0.2")})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	r, err := run(ctx, o, startServer)
	if err != nil {
		t.Fatal(err)
	}
	u := r.Upgrades
	if len(u.Each) != 3 || !slices.Equal(u.Versions, []string{"1.0.1", "1.0.2", "1.0.1", "1.0.2"}) {
		t.Errorf("%d upgrades, the processes were %q", len(u.Each), u.Versions)
	}
	for _, dropped := range r.Dropped {
		t.Error("dropped: ", dropped)
	}
	if u.PacketsHeard == 0 || u.LostDown != 0 || u.Duplicates != 0 || u.ManySSRCs != 0 {
		t.Errorf("of %d packets to the phones %d were lost and %d came twice; %d legs heard more than one SSRC", u.PacketsHeard, u.LostDown, u.Duplicates, u.ManySSRCs)
	}
	if u.TicksSkipped == 0 && (u.TSJumps != 0) {
		t.Errorf("timestamps jumped %d times", u.TSJumps)
	}
	if u.LostUp != 0 || u.Reporting != 30 {
		t.Errorf("of %d packets to the server %d were lost; %d of 30 legs were reported on", u.PacketsSent, u.LostUp, u.Reporting)
	}
	if most := u.First.Files + 3; u.Final.Files > most {
		t.Errorf("the first process had %d files open, the last one has %d", u.First.Files, u.Final.Files)
	}
	if r.UncleanStop {
		t.Error("the last process did not end by SIGTERM")
	}
}

// TestUpgradesAreJudgedAndReported: what is broken is named, in the table and in the report of a comparison, to which it comes by a file.
func TestUpgradesAreJudgedAndReported(t *testing.T) {
	o, err := parseOptions(nil)
	if err != nil {
		t.Fatal(err)
	}
	var calm, during phone.Histogram
	for range 99 {
		calm.Add(20 * time.Millisecond)
		during.Add(20 * time.Millisecond)
	}
	calm.Add(21 * time.Millisecond)
	during.Add(59 * time.Millisecond)
	u := &upgrades{PacketsHeard: 5000, Reporting: 10, Calm: distributionOf(&calm), During: distributionOf(&during),
		Each: []upgrade{{Took: 300, Still: 4, Rested: true, Calm: secondOf(&calm, metrics{}), During: secondOf(&during, metrics{})}}}
	r := &report{Legs: 10, Rooms: 1, Upgrades: u}
	if r.judge(o.limits); len(r.Broken) != 0 {
		t.Errorf("broken: %q", r.Broken)
	}
	u.LostDown, u.LostUp, u.NotSent, u.Duplicates, u.TSJumps, u.ManySSRCs = 1, 2, 3, 4, 5, 6
	u.Each[0].During.Max, u.Each[0].During.P99, u.Each[0].During.Breaks, u.Each[0].Took = 61, 25.5, 7, 1001
	r.judge(o.limits)
	all := strings.Join(r.Broken, "\n")
	for _, want := range []string{"3 packets lost", "3 packets not sent", "4 packets twice", "5 times", "6 legs", "gap 61.0 ms", "5.2 ms over", "7 breaks", "took 1001 ms"} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in %q", want, all)
		}
	}
	path := filepath.Join(t.TempDir(), "report.json")
	if err := saveReport(path, r); err != nil {
		t.Fatal(err)
	}
	again, err := readReport(path)
	if err != nil {
		t.Fatal(err)
	}
	var text, printed bytes.Buffer
	again.upgraded(&text)
	again.print(&printed)
	for _, want := range []string{"| packets lost, in both directions | at most 0 | 3 | 1 of 1 | NOT KEPT |", "| calls dropped | at most 0 | 0 | 1 of 1 | kept |",
		"| upgrade 1 | 1001 | 4.0 | with it | 20.25 | 25.50 | 61.00 | 7 | 0.00 | 0.00 | 0 | 0 | all |", "| the second before | 20.25 | 20.25 | 21.00 | 0 |"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in:\n%s", want, &text)
		}
	}
	if !strings.Contains(printed.String(), "upgrade 1") {
		t.Errorf("no upgrade in:\n%s", &printed)
	}
	chapter := filepath.Join(t.TempDir(), "upgrades.md")
	if err := again.writeChapter(chapter, []string{"-upgrades", "1"}); err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(chapter)
	if err != nil || !strings.Contains(string(written), text.String()) || !strings.Contains(string(written), "plots/upgrades.svg") {
		t.Errorf("%v:\n%s", err, written)
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(chapter), "plots", "upgrades.svg")); err != nil {
		t.Error(err)
	}
	wantXML(t, plotUpgrades(again.Upgrades).svg())
	longer := again.Upgrades.During.longer()
	if first, last := longer[0], longer[len(longer)-1]; first.y != 1 || last.y != 0 || last.x < 59 || last.x > 59.25 {
		t.Errorf("the shares begin at %v and end at %v", first, last)
	}
	if err := saveReport(path, &report{}); err != nil {
		t.Fatal(err)
	}
	if _, err := readReport(path); err == nil {
		t.Error("a report without upgrades is taken")
	}
}

// TestARightMixHasNoBreaks: in none of the rooms that are upgraded, wherever in its period each tone begins; one that hears a packet less has one.
func TestARightMixHasNoBreaks(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, size := range []struct{ legs, rooms int }{{30, 3}, {200, 20}, {500, 50}, {1000, 100}} {
		p, err := newPlan(size.legs, size.rooms, 10)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < size.legs; i += size.legs / 30 {
			mix := make([]int32, 2*phone.Rate)
			for j, s := range p.legs {
				if j == i || s.room != p.legs[i].room {
					continue
				}
				tone, said := phone.Tone(s.hz, p.said), make([]int16, len(mix))
				tone.Fill(make([]int16, random.IntN(phone.Rate)))
				tone.Fill(said)
				for at, v := range throughG711(said, j) {
					mix[at] += int32(v)
				}
			}
			pcm := make([]int16, len(mix))
			for at, v := range mix {
				pcm[at] = int16(v)
			}
			if at := phone.Breaks(throughG711(pcm, i), p.heardBy(p.legs[i])); len(at) != 0 {
				t.Errorf("%d legs: leg %d hears breaks at %v", size.legs, i, at)
			}
			if at := phone.Breaks(throughG711(slices.Delete(pcm, 8000, 8160), i), p.heardBy(p.legs[i])); len(at) != 1 {
				t.Errorf("%d legs: leg %d hears breaks at %v where a packet is missing", size.legs, i, at)
			}
		}
	}
}

// throughG711 is what is left of sound; every second leg has the other law.
func throughG711(pcm []int16, leg int) []int16 {
	law := codec.PCMA
	if leg%2 == 1 {
		law = codec.PCMU
	}
	coded, heard := make([]byte, len(pcm)), make([]int16, len(pcm))
	law.Encode(coded, pcm)
	law.Decode(heard, coded)
	return heard
}

// TestACounterOfAnotherProcess begins anew.
func TestACounterOfAnotherProcess(t *testing.T) {
	if grown(5, 8) != 3 || grown(8, 5) != 5 {
		t.Error(grown(5, 8), grown(8, 5))
	}
}

// versionOf builds the server with a version.
func versionOf(t *testing.T, version string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "sipconf")
	build := exec.CommandContext(t.Context(), "go", "build", "-ldflags", "-X main.version="+version, "-o", binary, "github.com/sipconf/sipconf/cmd/sipconf")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}

// What is heard is judged where it is the server's doing: no p99 while the hypervisor gives the machine to others, and of a gap only what that does not explain;
// no breaks that the generator itself has made, with its late packets. All of it is shown.
func TestWhatOthersDoIsNotJudged(t *testing.T) {
	o, err := parseOptions(nil)
	if err != nil {
		t.Fatal(err)
	}
	broken := second{gaps: gaps{20, 25.5, 61}, Breaks: 9}
	late, stolen := broken, broken
	late.LateBeats, stolen.Stolen = 1, mostStolen+10
	away := broken
	away.Stolen = 100
	for name, test := range map[string]struct {
		one              upgrade
		p99, gap, breaks bool // are judged
	}{
		"late with it":   {upgrade{Rested: true, During: late}, true, true, false},
		"late before":    {upgrade{Rested: true, Calm: second{LateBeats: 1}, During: broken}, true, true, false},
		"not at rest":    {upgrade{During: broken}, true, true, false},
		"stolen with it": {upgrade{Rested: true, During: stolen}, false, false, false},
		"stolen before":  {upgrade{Rested: true, Calm: second{Stolen: mostStolen + 10}, During: broken}, false, true, false},
		"on time":        {upgrade{Rested: true, Calm: second{Stolen: mostStolen}, During: broken}, true, true, true},
		"before it":      {upgrade{Rested: true, Calm: broken, During: second{gaps: gaps{20, 51, 61}}}, true, true, true},
	} {
		test.one.Calm.P99 += 20
		r := &report{Legs: 10, Rooms: 1, Upgrades: &upgrades{Each: []upgrade{{}, test.one}}}
		r.judge(o.limits)
		said := strings.Join(r.Broken, "\n")
		for what, want := range map[string]bool{"5.5 ms over": test.p99, "gap 61.0 ms": test.gap, "9 breaks": test.breaks} {
			if strings.Contains(said, what) != want {
				t.Errorf("%s: %q is broken: %v in %q", name, what, want, said)
			}
		}
		want := " | no breaks |\n"
		switch {
		case !test.p99:
			want = " | no p99, no breaks |\n"
		case test.breaks:
			want = " | all |\n"
		}
		var text bytes.Buffer
		if r.upgraded(&text); !strings.Contains(text.String(), want) {
			t.Errorf("%s: no %q in:\n%s", name, want, &text)
		}
	}
	r := &report{Legs: 10, Rooms: 1, Upgrades: &upgrades{Each: []upgrade{{During: away}}}}
	var text bytes.Buffer
	r.judge(o.limits)
	r.upgraded(&text)
	if len(r.Broken) != 1 || !strings.Contains(r.Broken[0], "none of 1") || strings.Count(text.String(), "| – | 0 of 1 | NOT JUDGED |") != 3 {
		t.Errorf("nothing could be judged: broken %q, and\n%s", r.Broken, &text)
	}
	r = &report{Legs: 10, Rooms: 1, Upgrades: &upgrades{Each: []upgrade{{Rested: true, During: second{LateBeats: 1}}}}}
	r.judge(o.limits)
	text.Reset()
	if r.print(&text); !strings.Contains(text.String(), "all kept, but for breaks") {
		t.Errorf("that no breaks could be judged is not said:\n%s", &text)
	}
}
