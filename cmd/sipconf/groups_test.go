package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sipconf/sipconf/dialout/groups"
)

// A desk is where an operator sits: a folder, and a store of groups that his environment names.
type desk struct {
	*testing.T
	environ []string
}

func newDesk(t *testing.T, store string) *desk {
	t.Helper()
	t.Chdir(t.TempDir())
	t.Setenv("SIPCONF_CONFIG", "")
	return &desk{t, []string{"SIPCONF_GROUPS_STORE=" + store}}
}

// sqliteDesk has a store of its own.
func sqliteDesk(t *testing.T) *desk {
	t.Helper()
	return newDesk(t, "sqlite://"+filepath.Join(t.TempDir(), "sipconf", "groups.db"))
}

// types runs a command line, whose words have no spaces but for _, and wants exactly this on stdout.
func (d *desk) types(line, want string) {
	d.Helper()
	status, stdout, stderr := d.run(line)
	if status != exitGood || stdout != want || stderr != "" {
		d.Errorf("sipconf %s: exit status %d, %q\ngot  %q\nwant %q", line, status, stderr, stdout, want)
	}
}

// fails wants a fault, with these words on stderr and nothing on stdout.
func (d *desk) fails(line, want string) {
	d.Helper()
	status, stdout, stderr := d.run(line)
	if status != exitFault || stdout != "" || !strings.Contains(stderr, want) {
		d.Errorf("sipconf %s: exit status %d, %q\ngot  %q\nwant %q", line, status, stdout, stderr, want)
	}
}

func (d *desk) run(line string) (status int, stdout, stderr string) {
	words := strings.Fields(line)
	for i := range words {
		words[i] = strings.ReplaceAll(words[i], "_", " ")
	}
	return runCommand(d.environ, words...)
}

// writes is a file on the desk.
func (d *desk) writes(name, text string) {
	d.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		d.Fatal(err)
	}
}

// holds wants a file to have this text.
func (d *desk) holds(name, want string) {
	d.Helper()
	if got, err := os.ReadFile(name); err != nil || string(got) != want {
		d.Errorf("%s: %v\ngot\n%s\nwant\n%s", name, err, got, want)
	}
}

func TestGroups(t *testing.T) {
	d := sqliteDesk(t)
	d.types("groups list", "There are no groups. \"sipconf groups add GROUP EXTENSION\" makes one.\n")
	d.types("groups add 100 201 --name Анна_Петрова --description director", "201 is now in group 100.\n")
	d.types("groups add 100 202", "202 is now in group 100.\n")
	d.types("groups add 9 8_916_1234567,301", "8 916 1234567,301 is now in group 9.\n")
	d.types("groups list", "group  members\n9      1\n100    2\n")
	d.types("groups show 100", "extension  name          description\n201        Анна Петрова  director\n202\n")

	d.types("groups add 100 202 --name Boris", "202 was in group 100 already: its name or description is changed.\n")
	d.types("groups add 100 201", "201 was in group 100 already: nothing is changed.\n")
	d.types("groups add 100 201 --description=", "201 was in group 100 already: its name or description is changed.\n")
	d.types("groups show 100", "extension  name          description\n201        Анна Петрова\n202        Boris\n")
	d.types("groups export", "groupid,extension,name,description\n9,\"8 916 1234567,301\",,\n100,201,Анна Петрова,\n100,202,Boris,\n")

	d.types("groups remove 100 202", "202 is no longer in group 100.\n")
	d.fails("groups remove 100 202", `202 is not in group 100: "sipconf groups show 100" says who is`)
	d.types("groups remove 9", "Group 9 is removed: it had 1 row.\n")
	d.fails("groups remove 9", `group "9": no such group: "sipconf groups list" shows`)
	d.fails("groups show 9", `group "9": no such group: "sipconf groups list" shows`)
	d.fails("groups add 1_00 201", `sipconf: groupid: "1 00" holds ' '`)
	d.fails("groups add 100 20l/2", `sipconf: extension: "20l/2" holds '/'`)
	d.fails("groups add 100 203,_8_916_1234567_strait", `"strait" is no policy; write straight, press-1, consult`)
	d.types("groups list", "group  members\n100    1\n")
}

func TestGroupsImport(t *testing.T) {
	d := sqliteDesk(t)
	d.types("groups add 100 201 --name Anna", "201 is now in group 100.\n")
	d.types("groups add 7 701", "701 is now in group 7.\n")
	d.writes("good.csv", "\uFEFFgroupid;extension;name;description\r\n100;201;Анна;director\r\n100;202;Boris;\r\n9;301;;\r\n;;;\r\n")
	d.types("groups import good.csv", "3 rows: 2 added, 1 changed, 0 unchanged.\n")
	d.types("groups import good.csv", "3 rows: 0 added, 0 changed, 3 unchanged.\n")
	const all = "groupid,extension,name,description\n7,701,,\n9,301,,\n100,201,Анна,director\n100,202,Boris,\n"
	d.types("groups export", all)

	d.writes("bad.csv", "groupid,extension,name,description\n100,203,Clara,\n100,,Dora,\n100,201,Anna\n")
	d.fails("groups import bad.csv", "bad.csv:3: extension: is empty: write the number to dial, such as 201\n"+
		"bad.csv:4: there are 3 fields, but 4 columns: a field with a separator in it stands in double quotes\n"+
		"sipconf: nothing is imported\n")
	d.fails("groups import none.csv", "reading the groups: open none.csv: no such file or directory")
	d.types("groups export", all)

	// What is exported makes another store the same.
	_, exported, _ := d.run("groups export")
	d.writes("all.csv", exported)
	other := sqliteDesk(t)
	other.writes("all.csv", exported)
	other.types("groups import all.csv", "4 rows: 4 added, 0 changed, 0 unchanged.\n")
	other.types("groups export", all)
}

// TestGroupsOfAList: they are changed in the file, and nothing else in it is.
func TestGroupsOfAList(t *testing.T) {
	d := newDesk(t, "list")
	d.environ = nil
	const changed = "config.yaml is changed: the server reads it when it starts.\n"
	const before = "# Ours.\nsip:\n  listen: [\"udp://127.0.0.1:5060\"] # inside\ngroups:\n  store: list # for now\n"
	const after = "\n  # How long it rings.\n  ring: 20s\nlog: {level: debug}\n"
	d.writes("config.yaml", before+"  list:\n    100:\n      - {extension: 201, name: Anna}\n      - {extension: \"202,+79161234567\"}\n"+after)
	d.types("groups list", "group  members\n100    2\n")
	d.types("groups show 100", "extension         name  description\n201               Anna\n202,+79161234567\n")
	d.types("groups export", "groupid,extension,name,description\n100,201,Anna,\n100,\"202,+79161234567\",,\n")

	d.types("groups add 100 203,_8_916_1234567_straight --name Clara", changed+"203, 8 916 1234567 straight is now in group 100.\n")
	d.types("groups add 100 201 --name Anja", changed+"201 was in group 100 already: its name or description is changed.\n")
	d.types("groups add 100 201 --name Anja", "201 was in group 100 already: nothing is changed.\n")
	d.types("groups remove 100 202,+79161234567", changed+"202,+79161234567 is no longer in group 100.\n")
	d.holds("config.yaml", before+"  list:\n    \"100\":\n      - {extension: \"201\", name: \"Anja\"}\n"+
		"      - {extension: \"203, 8 916 1234567 straight\", name: \"Clara\"}\n"+after)
	d.writes("more.csv", "groupid,extension,name,description\n9,301,,\n")
	d.types("groups import more.csv", changed+"1 row: 1 added, 0 changed, 0 unchanged.\n")
	d.types("groups remove 100", changed+"Group 100 is removed: it had 2 rows.\n")
	d.types("groups remove 9", changed+"Group 9 is removed: it had 1 row.\n")
	d.holds("config.yaml", before+"  list: {}\n"+after)
	d.types("groups add 100 201", changed+"201 is now in group 100.\n")
	d.types("groups list", "group  members\n100    1\n")
	if entries, _ := os.ReadDir("."); len(entries) != 2 {
		t.Errorf("something is left in the folder: %v", entries)
	}
}

// TestGroupsOfAListBeginAnywhere: whether the file has the list, its section, or neither; and where only an editor could
// change it, that is said, and nothing is.
func TestGroupsOfAListBeginAnywhere(t *testing.T) {
	const added = "list:\n    \"100\":\n      - {extension: \"201\"}\n"
	const editor = "change it with an editor"
	for _, c := range []struct{ name, before, after, wrong string }{
		{"an empty file", "", "groups:\n  " + added, ""},
		{"another section", "log:\n  level: info", "log:\n  level: info\ngroups:\n  " + added, ""},
		{"no list", "groups:\n  ring: 5s\n  # And now?\n\nlog: {}\n", "groups:\n  ring: 5s\n  " + added + "  # And now?\n\nlog: {}\n", ""},
		{"nothing but a comment", "groups:\n  # ring: 5s\n", "groups:\n  " + added + "  # ring: 5s\n", ""},
		{"indented more", "groups:\n    ring: 5s\n", "groups:\n    ring: 5s\n    " + strings.ReplaceAll(added, "\n ", "\n   "), ""},
		{"at the end", "groups:\n  list:\n    9: [{extension: \"301\"}]", "groups:\n  list:\n    \"100\":\n      - {extension: \"201\"}\n    \"9\":\n      - {extension: \"301\"}\n", ""},
		{"on one line", "groups:\n  list: {}\nlog: {}\n", "groups:\n  " + added + "log: {}\n", ""},
		{"within braces", "groups: {list: {9: [{extension: 301}]}}\n", "", editor},
		{"braces on several lines", "groups:\n  list: {9: [{extension: 301}]\n  }\n", "", editor},
		{"all within braces", "{log: {level: info}}\n", "", editor},
		{"a comment in it", "groups:\n  list:\n    9:\n      - {extension: 301} # Boris\n", "", "line 4 is a comment in groups.list"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDesk(t, "list")
			d.writes("config.yaml", c.before)
			if c.wrong != "" {
				d.fails("groups add 100 201", "config.yaml: ")
				d.fails("groups add 100 201", c.wrong)
				d.holds("config.yaml", c.before)
				return
			}
			d.types("groups add 100 201", "config.yaml is changed: the server reads it when it starts.\n201 is now in group 100.\n")
			d.holds("config.yaml", c.after)
		})
	}
	t.Run("no file", func(t *testing.T) {
		newDesk(t, "list").fails("groups add 100 201", "the groups are a list in the configuration (groups.store: list): change groups.list there")
	})
}

// TestGroupsOfAListStayWhoseTheyAre: the file keeps its mode, and a link stays one.
func TestGroupsOfAListStayWhoseTheyAre(t *testing.T) {
	d := newDesk(t, "list")
	d.writes("real.yaml", "")
	if err := errors.Join(os.Chmod("real.yaml", 0o640), os.Symlink("real.yaml", "config.yaml")); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		if err := os.Chown("real.yaml", 65534, 65534); err != nil {
			t.Fatal(err)
		}
	}
	before, _ := os.Stat("real.yaml")
	d.types("groups add 100 201", "config.yaml is changed: the server reads it when it starts.\n201 is now in group 100.\n")
	after, err := os.Stat("real.yaml")
	if err != nil || after.Size() == 0 || after.Mode() != before.Mode() || owner(after) != owner(before) {
		t.Errorf("got %v, %v, want one of mode %v and the same owner", after, err, before.Mode())
	}
	if link, err := os.Readlink("config.yaml"); link != "real.yaml" {
		t.Errorf("config.yaml is no link any more: %v", err)
	}
}

func owner(info os.FileInfo) [2]uint32 {
	s := info.Sys().(*syscall.Stat_t)
	return [2]uint32{s.Uid, s.Gid}
}

func TestGroupsThatCannotBeHad(t *testing.T) {
	d := newDesk(t, "postgres://sipconf:geheim@127.0.0.1:1/pbx")
	d.writes("some.csv", "groupid,extension,name,description\n100,203,,\n")
	for _, line := range []string{"groups list", "groups show 100", "groups add 100 201", "groups remove 100", "groups import some.csv", "groups export"} {
		d.fails(line, "the groups in postgres://sipconf:xxxxx@127.0.0.1:1/pbx: failed to connect")
		if _, _, stderr := d.run(line); strings.Contains(stderr, "geheim") {
			t.Errorf("the password is in %q", stderr)
		}
	}
	d.writes("config.yaml", "groups: {store: nonsense}\nlog: {levle: info}\n")
	d.environ = nil
	d.fails("groups list", "config.yaml:1:17: groups.store: it is not the URL of a store")
	d.fails("groups list", "config.yaml:2:7: log.levle: unknown key")
}

// TestGroupsThatWillNotBeDialled: what the rules of the configuration forbid is said when it is added, and added.
func TestGroupsThatWillNotBeDialled(t *testing.T) {
	d := sqliteDesk(t)
	const warning = "warning: in group 100 +79161234567 will not be dialled: not allowed: see the section dialout of the configuration\n"
	if status, stdout, stderr := d.run("groups add 100 201,_+79161234567_straight"); status != exitGood || stderr != warning || stdout == "" {
		t.Errorf("exit status %d, %q, %q", status, stdout, stderr)
	}
	d.writes("more.csv", "groupid,extension,name,description\n100,202,,\n7,123456789012,,\n")
	if status, _, stderr := d.run("groups import more.csv"); status != exitGood || !strings.HasPrefix(stderr, "warning: in group 7 123456789012 will not be dialled: too many digits") {
		t.Errorf("exit status %d, %q", status, stderr)
	}
	d.writes("config.yaml", "dialout: {allow: [_X!, _+X!]}\n")
	d.types("groups add 100 201,_+79161234567", "201, +79161234567 is now in group 100.\n")
	d.writes("config.yaml", "trunks: [{name: pbx, address: 10.0.0.1, internal: true, numbers: [_2XX]}]\n")
	if status, _, stderr := d.run("groups add 100 301"); status != exitGood || !strings.HasPrefix(stderr, "warning: in group 100 301 will not be dialled: no trunk takes") {
		t.Errorf("exit status %d, %q", status, stderr)
	}
}

// TestGroupsQuery: a table of the operator's own is shown, and nothing else.
func TestGroupsQuery(t *testing.T) {
	d := sqliteDesk(t)
	d.types("groups add 100 201 --name Anna", "201 is now in group 100.\n")
	d.environ = append(d.environ, "SIPCONF_GROUPS_QUERY=SELECT extension FROM conf_groups WHERE groupid = ?")
	d.types("groups show 100", "extension  name  description\n201\n")
	for _, line := range []string{"groups list", "groups add 100 202", "groups remove 100", "groups export"} {
		d.fails(line, `only "sipconf groups show" works with it`)
	}
}

// TestCheckSaysWhatTroublesTheStore: as a warning, if a number leads to a group; and hides the password.
func TestCheckSaysWhatTroublesTheStore(t *testing.T) {
	newDesk(t, "list")
	const unused = `numbers: [{pattern: "_XXXX", room: "${EXTEN}"}]`
	for _, c := range []struct {
		name, config string
		trouble      error
		want         string
	}{
		{"none", "", nil, ""},
		{"some", "", errors.New("there is no folder /nowhere"), "warning: groups.store: there is no folder /nowhere: no group could be called\n"},
		{"no group is used", unused, errors.New("there is no folder /nowhere"), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out, said strings.Builder
			environ := []string{"SIPCONF_GROUPS_STORE=postgres://sipconf:geheim@db/pbx"}
			if err := os.WriteFile("config.yaml", []byte(c.config), 0o644); err != nil {
				t.Fatal(err)
			}
			asked := ""
			p := &process{stdout: &out, stderr: &said, environ: environ, trouble: func(store string) error { asked = store; return c.trouble }}
			if status := run(p, []string{"check", "--print"}); status != exitGood || said.String() != c.want {
				t.Errorf("exit status %d, got %q, want %q", status, said.String(), c.want)
			}
			if !strings.Contains(out.String(), `store: "postgres://sipconf:xxxxx@db/pbx"`) || strings.Contains(out.String(), "geheim") {
				t.Errorf("the password is not hidden:\n%s", out.String())
			}
			if c.config == "" && asked != "postgres://sipconf:geheim@db/pbx" {
				t.Errorf("asked about %q", asked)
			}
		})
	}
}

// TestE2EGroupsWithoutAFile: a server whose store cannot be made starts all the same and says so; `check` says it
// before.  With one that can be made, the file is there, and the server is not asked to start again when the folder
// comes later.
func TestE2EGroupsWithoutAFile(t *testing.T) {
	t.Parallel()
	binary := program(t)
	folder := t.TempDir()
	config := func(file, more string) string {
		return fmt.Sprintf("sip: {listen: [\"udp://127.0.0.1:%d\"]}\nmetrics: {listen: \"\"}\nmedia: {ports: 41000-41199}\nrooms: {max_legs: 100}\ngroups: {store: \"sqlite://%s\"}\n",
			unusedPort(t), file) + more
	}
	const warning = "no group can be called until this is mended"
	for _, c := range []struct {
		name, file, more string
		warned, made     bool
	}{
		{"good", folder + "/sipconf/groups.db", "", false, true},
		{"no folder", folder + "/no/such/groups.db", "", true, false},
		{"a folder of the system", "/proc/groups.db", "", true, false},
		{"no group is used", folder + "/unused.db", `numbers: [{pattern: "_XXXX", room: "${EXTEN}"}]`, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := start(t, binary, config(c.file, c.more))
			s.says(t, "sipconf is serving")
			if warned := strings.Contains(s.log.String(), warning); warned != c.warned {
				t.Errorf("it warns: %t, want %t\n%s", warned, c.warned, s.log)
			}
			if _, err := os.Stat(c.file); (err == nil) != c.made {
				t.Errorf("the file: %v, want it to be made: %t", err, c.made)
			}
		})
	}
}

// TestE2ECheckAsNobody: what `check` tells a user who may not write.
func TestE2ECheckAsNobody(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	binary := program(t)
	folder := t.TempDir()
	for _, dir := range []string{filepath.Dir(filepath.Dir(binary)), filepath.Dir(binary), filepath.Dir(folder)} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(folder, "groups.db")
	for _, c := range []struct {
		store, want string
		mode        os.FileMode // of the folder
	}{
		{file, "", 0o777},
		{file, "warning: groups.store: this user may not make a file in " + folder + ": permission denied: no group could be called\n", 0o755},
		{filepath.Join(folder, "sipconf/groups.db"), "warning: groups.store: there is no folder " + folder + "/sipconf, and this user may not make it: permission denied", 0o755},
	} {
		if err := os.Chmod(folder, c.mode); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("setpriv", "--reuid=65534", "--clear-groups", binary, "check")
		cmd.Env = []string{"SIPCONF_GROUPS_STORE=sqlite://" + c.store}
		cmd.Dir = "/"
		var said strings.Builder
		cmd.Stderr = &said
		if err := cmd.Run(); err != nil || !strings.HasPrefix(said.String(), c.want) || (c.want == "") != (said.String() == "") {
			t.Errorf("%s, folder %v: got %v, %q, want %q", c.store, c.mode, err, said.String(), c.want)
		}
	}
	store, err := groups.Open("sqlite://"+file, groups.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(store.Prepare(t.Context()), os.Chmod(file, 0o644)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("setpriv", "--reuid=65534", "--clear-groups", binary, "check")
	cmd.Env, cmd.Dir = []string{"SIPCONF_GROUPS_STORE=sqlite://" + file}, "/"
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "this user may not read and write "+file) {
		t.Errorf("a file of root's: got %v, %s", err, out)
	}
	// To read it is enough to call its groups.
	cmd = exec.Command("setpriv", "--reuid=65534", "--clear-groups", binary, "groups", "list")
	cmd.Env, cmd.Dir = []string{"SIPCONF_GROUPS_STORE=sqlite://" + file}, "/"
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "There are no groups.") {
		t.Errorf("to read a file of root's: got %v, %s", err, out)
	}
}
