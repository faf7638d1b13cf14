package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/rooms/menu"
)

// sampleFile is the config.yaml that operators copy; readmeFile has the table of its keys.
const (
	sampleFile = "../../config.yaml"
	readmeFile = "../../README.md"
)

// wantNoFaults fails the test if there are faults, warnings too.
func wantNoFaults(t *testing.T, found faults) {
	t.Helper()
	if len(found) > 0 {
		t.Fatalf("got faults, want none:\n%v", found)
	}
}

func wantConfig(t *testing.T, got, want *Config) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

func TestDefaultsHaveNoFaults(t *testing.T) {
	c, found := parseConfig("", nil, nil)
	wantNoFaults(t, found)
	wantConfig(t, c, defaultConfig())
}

// TestConfigFile: the file at the top of the tree is what writeConfig makes of the defaults, and
// reads back as exactly these.
func TestConfigFile(t *testing.T) {
	var b bytes.Buffer
	if err := writeConfig(&b, defaultConfig(), true); err != nil {
		t.Fatal(err)
	}
	golden(t, sampleFile, b.String())
	c, found := parseConfig("config.yaml", b.Bytes(), nil)
	wantNoFaults(t, found)
	wantConfig(t, c, defaultConfig())
	for _, k := range keys {
		name := k.path[strings.IndexByte(k.path, '.')+1:]
		if !regexp.MustCompile(`(?m)^  ` + name + `: `).Match(b.Bytes()) {
			t.Errorf("%s is not in the file", k.path)
		}
	}
}

// TestReadmeTable: README.md has the table of keys between its two marks.
func TestReadmeTable(t *testing.T) {
	const begin, end = "<!-- config table -->\n", "<!-- end -->"
	text, err := os.ReadFile(readmeFile)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("there is no README.md yet")
	}
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("README.md does not have %q and then %q", begin, end)
	}
	golden(t, readmeFile, before+begin+configTable()+end+after)
}

// TestPrintReadsBack: what `check --print` writes is the configuration it was made of.
func TestPrintReadsBack(t *testing.T) {
	read := map[string]*Config{}
	for _, file := range []string{"good.yaml", "dialling.yaml"} {
		text, err := os.ReadFile("testdata/check/" + file)
		if err != nil {
			t.Fatal(err)
		}
		c, found := parseConfig(file, text, nil)
		wantNoFaults(t, found)
		var b bytes.Buffer
		if err := writeConfig(&b, c, false); err != nil {
			t.Fatal(err)
		}
		again, found := parseConfig("printed", b.Bytes(), nil)
		wantNoFaults(t, found)
		wantConfig(t, again, c)
		read[file] = c
	}
	if c := read["dialling.yaml"]; len(c.Trunks) != 3 || c.Trunks[1].Rate != 2.5 || c.Trunks[1].Password != "s3cret" || c.Menus.Participant["1"] != menu.Invite {
		t.Errorf("dialling.yaml was not read: %+v", c)
	}
	c := read["good.yaml"]
	if c.Rooms.MaxLegs != 500 || !slices.Equal(c.Media.Codecs, []*codec.Codec{codec.PCMU}) || c.Numbers[1].Pattern != "0800" {
		t.Errorf("good.yaml was not read: %+v", c)
	}
}

// others has for every key a value that is not its default.
var others = map[string]string{
	"sip.listen":              "udp://127.0.0.1:5070,tcp://[::1]:5070",
	"sip.advertise":           "192.0.2.1",
	"sip.trusted":             "192.0.2.0/24, 2001:db8::/32",
	"sip.session_expires":     "20m",
	"sip.min_se":              "100s",
	"sip.user_agent":          "conference 1",
	"media.ports":             "40000-49999",
	"media.codecs":            "pcmu",
	"media.silence_timeout":   "0",
	"media.jitter_max":        "200ms",
	"media.mute_music":        "true",
	"media.level":             "false",
	"media.nice":              "-5",
	"rooms.max_participants":  "7",
	"rooms.max_legs":          "70",
	"rooms.tones":             "false",
	"rooms.announce":          "true",
	"dialout.trunk":           "carrier",
	"dialout.name":            "Room ${ROOM}",
	"dialout.ring":            "20s",
	"dialout.response":        "2s",
	"dialout.accept":          "15s",
	"dialout.redirects":       "1",
	"dialout.max_digits":      "5",
	"dialout.allow":           "_1XX,_2XX",
	"dialout.deny":            "_199",
	"dialout.own":             "_5XXX",
	"dialout.prefixes":        "7,8",
	"dialout.room_at_once":    "9",
	"dialout.caller_at_once":  "8",
	"dialout.room_daily":      "90",
	"dialout.caller_daily":    "80",
	"groups.store":            "mysql://sipconf:secret@127.0.0.1/pbx",
	"groups.query":            "SELECT number FROM phones WHERE team = ?",
	"groups.ring":             "20s",
	"groups.next_after":       "10s",
	"groups.wait":             "30s",
	"groups.ends_with_caller": "true",
	"groups.unknown":          "release",
	"menus.hosts":             "_20X,100",
	"menus.pause":             "2s",
	"menus.dial_tone":         "20s",
	"prompts.folder":          "/etc/sipconf/prompts",
	"prompts.language":        "ru",
	"recordings.folder":       "/var/lib/sipconf/recordings",
	"metrics.listen":          "127.0.0.1:9191",
	"ctl.socket":              "/run/other/ctl.sock",
	"log.level":               "debug",
	"log.format":              "json",
}

// TestVariables: every key has an environment variable, which sets it, and it alone.
func TestVariables(t *testing.T) {
	for i := range keys {
		k := &keys[i]
		t.Run(k.path, func(t *testing.T) {
			const file = "trunks: [{name: carrier, address: carrier.example, internal: true}]" // which dialout.trunk is about
			c, found := parseConfig("", []byte(file), []string{k.variable() + "=" + others[k.path]})
			wantNoFaults(t, found)
			want := slices.Clone(splitList(others[k.path]))
			for i := range want {
				want[i] = strings.TrimSpace(want[i])
			}
			if got := k.value(c).texts(); !slices.Equal(got, want) {
				t.Errorf("%s: got %q, want %q", k.path, got, want)
			}
			for j := range keys {
				if got := keys[j].value(c).texts(); j != i && !slices.Equal(got, keys[j].preset) {
					t.Errorf("%s: got %q, want its default %q", keys[j].path, got, keys[j].preset)
				}
			}
		})
	}
}

func TestVariableNames(t *testing.T) {
	if got, want := findKey("sip.listen").variable(), "SIPCONF_SIP_LISTEN"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	names := map[string]string{}
	for i := range keys {
		if other, taken := names[keys[i].variable()]; taken {
			t.Errorf("%s and %s have the same variable", keys[i].path, other)
		}
		names[keys[i].variable()] = keys[i].path
	}
}

func TestVariableWinsOverFile(t *testing.T) {
	c, found := parseConfig("config.yaml", []byte("log: {level: error, format: json}"), []string{"SIPCONF_LOG_LEVEL=debug"})
	wantNoFaults(t, found)
	if got := findKey("log.level").value(c).texts()[0]; got != "debug" {
		t.Errorf("log.level: got %s, want debug", got)
	}
	if c.Log.Format != logJSON {
		t.Errorf("log.format: got %s, want json", c.Log.Format)
	}
}

// TestLoad: a file that was named must be there, config.yaml need not.
func TestLoad(t *testing.T) {
	t.Chdir(t.TempDir())
	c, warnings, err := configFlag{}.load(nil)
	if err != nil {
		t.Fatalf("without a file: %v", err)
	}
	wantNoFaults(t, warnings)
	wantConfig(t, c, defaultConfig())

	if _, _, err := (configFlag{Config: "other.yaml"}).load(nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a named file that does not exist: got %v, want that it does not exist", err)
	}
	if err := os.WriteFile(defaultConfigFile, []byte("rooms: {max_legs: 12, max_participants: 3}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, _, err = (configFlag{}).load(nil); err != nil || c.Rooms.MaxLegs != 12 {
		t.Errorf("config.yaml here: got %+v, %v, want 12 legs", c, err)
	}
	if err := os.WriteFile("core", make([]byte, maxConfigFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := (configFlag{Config: "core"}).load(nil); err == nil || !strings.Contains(err.Error(), "is no configuration") {
		t.Errorf("a file of a megabyte: got %v, want that it is no configuration", err)
	}
	if _, _, err := (configFlag{Config: t.TempDir()}).load(nil); err == nil {
		t.Error("a folder: got no error")
	}
}

func TestSuggest(t *testing.T) {
	names := []string{"listen", "advertise", "trusted"}
	for text, want := range map[string]string{
		"listne":                       ": did you mean listen?",
		"Listen":                       ": did you mean listen?",
		"advertize":                    ": did you mean advertise?",
		"colour":                       "",
		"":                             "",
		strings.Repeat("listen", 1000): "",
	} {
		if got := suggest(text, names); got != want {
			t.Errorf("%.20q: got %q, want %q", text, got, want)
		}
	}
}

// FuzzConfig: whatever stands in a file, it is read or it has faults, each of which is one line;
// and what is read without faults can be printed and read again.
func FuzzConfig(f *testing.F) {
	files, _ := filepath.Glob("testdata/check/*.yaml")
	for _, file := range append(files, sampleFile) {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, found := parseConfig("f", text, nil)
		_, wrong := found.split()
		for _, fault := range found {
			if strings.ContainsAny(fault.String(), "\n\r") {
				t.Errorf("a fault of several lines: %q", fault.String())
			}
		}
		if len(wrong) > 0 {
			return
		}
		var b bytes.Buffer
		if err := writeConfig(&b, c, false); err != nil {
			t.Fatal(err)
		}
		again, found := parseConfig("printed", b.Bytes(), nil)
		if _, wrong := found.split(); len(wrong) > 0 {
			t.Fatalf("printed as\n%s\nit has faults:\n%v", &b, wrong)
		}
		wantConfig(t, again, c)
	})
}
