package sipconf

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A stage is a machine for our shell scripts to run on: the programs that are on it are these stubs, each the body of a
// shell script, and what every Unix has. Nothing is installed or fetched.
type stage struct {
	*testing.T
	dir string // has bin, and what the stubs write
}

func newStage(t *testing.T, stubs map[string]string) *stage {
	t.Helper()
	s := &stage{t, t.TempDir()}
	bin := filepath.Join(s.dir, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"bash", "sh", "dirname", "tail", "cat", "uname", "mkdir", "mv", "rm", "chmod", "flock", "mktemp", "awk"} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Skipf("SKIPPED: %s: there is no %s", t.Name(), name)
		}
		if err := os.Symlink(path, filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	for name, body := range stubs {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+body+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// runs runs a script of the tree and returns what it printed and whether it ended well.
func (s *stage) runs(script string, environ ...string) (said string, good bool) {
	s.Helper()
	cmd := exec.Command(script)
	cmd.Env = append(environ, "STAGE="+s.dir, "PATH="+filepath.Join(s.dir, "bin"), "SIPCONF_CACHE="+filepath.Join(s.dir, "cache"))
	out, err := cmd.CombinedOutput()
	return string(out), err == nil
}

// recorded is what a stub has written to that file, its lines.
func (s *stage) recorded(file string) []string {
	b, _ := os.ReadFile(filepath.Join(s.dir, file)) // none: nothing was recorded
	return strings.Split(strings.TrimSpace(string(b)), "\n")
}

// TestTheTestsRunWithoutACompiler: the race detector needs one, nothing else does.
func TestTheTestsRunWithoutACompiler(t *testing.T) {
	const goStub = `case "$*" in "env CC") echo "$COMPILER" ;; *) echo "$*" >> "$STAGE/go" ;; esac`
	for _, test := range []struct {
		name, compiler, ci string
		good, race         bool
	}{
		{"a compiler", "cc-of-stage", "true", true, true},
		{"none", "no-such-compiler", "", true, false},
		{"none, on CI", "no-such-compiler", "true", false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newStage(t, map[string]string{"go": goStub, "cc-of-stage": ""})
			said, good := s.runs(".ci/test.sh", "COMPILER="+test.compiler+" -m64", "CI="+test.ci)
			if good != test.good {
				t.Errorf("ended well: %t, want %t:\n%s", good, test.good, said)
			}
			if skipped := strings.Contains(said, "SKIPPED: the race detector"); skipped == test.race {
				t.Errorf("says that the race detector was skipped: %t:\n%s", skipped, said)
			}
			ran := s.recorded("go")
			tests := strings.Fields(ran[len(ran)-1])
			if got := slices.Contains(tests, "-race"); got != test.race {
				t.Errorf("the tests run with the race detector: %t, want %t: %q", got, test.race, tests)
			}
			if test.good && !slices.Contains(tests, "./...") {
				t.Errorf("no tests ran: %q", ran)
			}
			// gotestsum counts the reasons of skips as output: hidden, there is only a list of names.
			if strings.Contains(strings.Join(tests, " "), "--hide-summary") {
				t.Errorf("the reasons of skipped tests are not shown: %q", tests)
			}
		})
	}
}

// TestWhatFailsWithoutTheMachineRunsRunsAgain: twice at most, and only what may have failed for that.
func TestWhatFailsWithoutTheMachineRunsAgain(t *testing.T) {
	const (
		goStub = `case "$*" in
"env CC") echo cc; exit ;;
"run "*) echo "$*" >> "$STAGE/go" ;;
*) exit ;;
esac
while [ "$1" != --jsonfile ]; do shift; done
case "$*" in *" ./..."*) cat "$STAGE/later" > "$STAGE/stat"; cat "$STAGE/told" > "$2"; exit 1 ;; *"(TestA|TestB)"*) exit "$AGAIN" ;; esac`
		failed = `{"Action":"output","Package":"example.com/p","Test":"TestA/half","Output":"    a_test.go:7: \"one\", want another\n"}
{"Action":"output","Package":"example.com/p","Test":"TestC","Output":"    c_test.go:9: want less\n"}
{"Action":"fail","Package":"example.com/p","Test":"TestA/half"}
{"Action":"fail","Package":"example.com/p","Test":"TestA"}
{"Action":"fail","Package":"example.com/p","Test":"TestB","Elapsed":1.5}
{"Action":"fail","Package":"example.com/p"}
`
		before, stolen, there = "cpu  100 0 100 800 0 0 0 10 0 0\n", "cpu  200 0 200 1560 0 0 0 50 0 0\n", "cpu  200 0 200 1600 0 0 0 20 0 0\n"
	)
	for _, test := range []struct {
		name, later, told, again string
		runs                     int
		good                     bool
	}{
		{"it was away", stolen, failed, "0", 2, true},
		{"it was away, and that was not why", stolen, failed, "1", 3, false},
		{"it was there", there, failed, "0", 1, false},
		{"a panic", stolen, failed + `{"Action":"output","Package":"example.com/p","Output":"panic: why\n"}`, "0", 1, false},
		{"a race", stolen, failed + `{"Action":"output","Package":"example.com/p","Output":"WARNING: DATA RACE\n"}`, "0", 1, false},
		{"no test", stolen, failed + `{"Action":"fail","Package":"example.com/q"}`, "0", 1, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newStage(t, map[string]string{"go": goStub, "cc": ""})
			for name, text := range map[string]string{"stat": before, "later": test.later, "told": test.told} {
				if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			said, good := s.runs(".ci/test.sh", "PROC="+s.dir, "AGAIN="+test.again)
			runs := s.recorded("go")[1:] // without that of the arithmetic
			if good != test.good || len(runs) != test.runs {
				t.Errorf("ended well: %t, and ran %q:\n%s", good, runs, said)
			}
			if again := strings.Contains(said, "AGAIN, TWICE AT MOST"); again != (test.runs > 1) {
				t.Errorf("says that it runs again: %t:\n%s", again, said)
			}
			if reason := `TestA/half: a_test.go:7: \"one\", want another`; !strings.Contains(said, reason) || strings.Contains(said, "want less") {
				t.Errorf("does not say %s alone:\n%s", reason, said)
			}
			if last := runs[len(runs)-1]; test.runs > 1 && !strings.HasSuffix(last, "-race -run ^(TestA|TestB)$ example.com/p") {
				t.Errorf("ran %q again", last)
			}
		})
	}
}

// TestToolsSayWhyTheyCannotBeInstalled: the end of what apt-get said, and tests that skip rather than an end of all.
func TestToolsSayWhyTheyCannotBeInstalled(t *testing.T) {
	s := newStage(t, map[string]string{
		"id": "echo 0", "debootstrap": "exit 1", "gcc": "",
		"apt-get": `[ "$1" = update ] || { echo "E: no package sip-tester on this stage" >&2; exit 100; }`,
	})
	said, good := s.runs(".ci/tools.sh")
	if !good || !strings.Contains(said, "E: no package sip-tester on this stage") || !strings.Contains(said, "could not install sip-tester") {
		t.Errorf("ended well: %t, and said\n%s", good, said)
	}
}

// TestToolsMakeNoDatabase: whatever else is installed, PostgreSQL's package is told to make no cluster, which it would start; and
// the file that says so lies there only while dpkg runs.
func TestToolsMakeNoDatabase(t *testing.T) {
	s := newStage(t, map[string]string{"id": "echo 0", "debootstrap": "exit 1", "gcc": "", "apt-get": `printf '%s\n' "$@" >> "$STAGE/apt"`})
	if said, good := s.runs(".ci/tools.sh"); !good {
		t.Fatalf("it failed:\n%s", said)
	}
	asked := strings.Join(s.recorded("apt"), "\n")
	for _, want := range []string{
		"DPkg::Pre-Invoke::=mkdir -p /etc/postgresql-common/createcluster.d && " +
			"echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.d/sipconf-tests.conf",
		"DPkg::Post-Invoke::=rm -f /etc/postgresql-common/createcluster.d/sipconf-tests.conf;",
	} {
		if !strings.Contains(asked, want) {
			t.Errorf("apt-get was not asked for %q:\n%s", want, asked)
		}
	}
}

// TestAsteriskIsFetchedFromWhereTheOperatorSays: and else from where debootstrap itself knows; we name nobody's server.
func TestAsteriskIsFetchedFromWhereTheOperatorSays(t *testing.T) {
	stubs := map[string]string{
		"id": "echo 0", "chroot": "echo Asterisk of the stage",
		"debootstrap": `echo "$*" > "$STAGE/debootstrap"; mkdir -p "$4/usr/sbin" "$4/etc"; : > "$4/usr/sbin/asterisk"; ` +
			`chmod +x "$4/usr/sbin/asterisk"`,
	}
	for _, mirror := range []string{"", "file:///srv/debian"} {
		s := newStage(t, stubs)
		said, good := s.runs("asterisk/rig/install.sh", "SIPCONF_DEBIAN_MIRROR="+mirror)
		if !good {
			t.Fatalf("it failed:\n%s", said)
		}
		arguments := strings.Fields(s.recorded("debootstrap")[0])
		want := []string{filepath.Join(s.dir, "cache", "asterisk-sid.part")}
		if mirror != "" {
			want = append(want, mirror)
		}
		if got := arguments[3:]; !slices.Equal(got, want) {
			t.Errorf("mirror %q: debootstrap %q, want it to end with %q", mirror, arguments, want)
		}
	}
}
