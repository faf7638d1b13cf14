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
	for _, name := range []string{"bash", "sh", "dirname", "tail", "cat", "uname", "mkdir", "mv", "rm", "chmod", "flock"} {
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
