package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/sipconf/sipconf/asterisk/pattern"
	"github.com/sipconf/sipconf/dialout"
	"github.com/sipconf/sipconf/dialout/groups"
)

// groupsCmd is `sipconf groups`: who belongs to a group, in whichever store the configuration names.
type groupsCmd struct {
	List   groupsListCmd   `cmd:"" help:"Say which groups there are, and how many members each has."`
	Show   groupsShowCmd   `cmd:"" help:"Say who is in a group."`
	Add    groupsAddCmd    `cmd:"" help:"Add a member to a group, or change his name and description."`
	Remove groupsRemoveCmd `cmd:"" help:"Take a member out of a group, or remove the whole group."`
	Import groupsImportCmd `cmd:"" help:"Add and change the members that a CSV file lists: the whole file, or nothing."`
	Export groupsExportCmd `cmd:"" help:"Write all groups as CSV, as import reads it."`
}

func (*groupsCmd) Help() string {
	return `The groups are in the database of groups.store, and a server that runs sees a change with the next call. ` +
		`A list in config.yaml is changed in that file, which a server reads when it starts.`
}

// open is the store of the configuration.  ctx ends with Ctrl-C, and end gives the signals back.
func (f configFlag) open(p *process) (ctx context.Context, end func(), store groups.Store, err error) {
	cfg, _, err := f.load(p.environ)
	var wrong faults
	if errors.As(err, &wrong) {
		fmt.Fprintln(p.stderr, wrong)
		err = errSilent
	}
	if err != nil {
		return nil, nil, nil, err
	}
	options := cfg.Groups.options()
	if name, text, err := f.read(); err == nil && name != "" {
		file := &listFile{name: name, text: text, environ: p.environ}
		options.SaveList = func(list map[string][]groups.Member) error {
			if err := file.save(list); err != nil {
				return err
			}
			_, err := fmt.Fprintf(p.stdout, "%s is changed: the server reads it when it starts.\n", name)
			return err
		}
	}
	store, err = groups.Open(cfg.Groups.Store, options)
	if err != nil {
		return nil, nil, nil, err
	}
	ctx, end = signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	return ctx, end, store, nil
}

type groupsListCmd struct{ configFlag }

// Run lists the groups.
func (c *groupsListCmd) Run(p *process) error {
	ctx, end, store, err := c.open(p)
	if err != nil {
		return err
	}
	defer end()
	rows, err := store.Rows(ctx)
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		_, err := fmt.Fprintln(p.stdout, `There are no groups. "sipconf groups add GROUP EXTENSION" makes one.`)
		return err
	}
	lines := [][]string{{"group", "members"}}
	for i, count := 0, 0; i < len(rows); i++ {
		if count++; i+1 == len(rows) || rows[i+1].Group != rows[i].Group {
			lines = append(lines, []string{rows[i].Group, strconv.Itoa(count)})
			count = 0
		}
	}
	return writeColumns(p.stdout, lines)
}

type groupsShowCmd struct {
	configFlag
	Group string `arg:"" help:"The group's id."`
}

// Run shows a group.
func (c *groupsShowCmd) Run(p *process) error {
	ctx, end, store, err := c.open(p)
	if err != nil {
		return err
	}
	defer end()
	members, err := store.Members(ctx, c.Group)
	if errors.Is(err, groups.ErrUnknown) {
		return fmt.Errorf("%w: \"sipconf groups list\" shows those that there are", err)
	}
	if err != nil {
		return err
	}
	lines := [][]string{{"extension", "name", "description"}}
	for _, m := range members {
		lines = append(lines, []string{m.Extension, m.Name, m.Description})
	}
	return writeColumns(p.stdout, lines)
}

type groupsAddCmd struct {
	configFlag
	Group       string  `arg:"" help:"The group's id."`
	Extension   string  `arg:"" help:"The number to dial, or several with commas, tried in this order. Behind each may stand what its owner meets: straight or press-1."`
	Name        *string `help:"Who that is. Without it a name that is there stays." placeholder:"N"`
	Description *string `help:"What else there is to say. Without it a description that is there stays." placeholder:"D"`
}

// Run adds a member.
func (c *groupsAddCmd) Run(p *process) error {
	ctx, end, store, err := c.open(p)
	if err != nil {
		return err
	}
	defer end()
	row := groups.Row{Group: c.Group, Member: groups.Member{Extension: c.Extension}}
	if c.Name == nil || c.Description == nil {
		if row.Member, err = memberOf(ctx, store, c.Group, c.Extension); err != nil {
			return err
		}
	}
	if c.Name != nil {
		row.Name = strings.TrimSpace(*c.Name)
	}
	if c.Description != nil {
		row.Description = strings.TrimSpace(*c.Description)
	}
	did, err := store.Put(ctx, []groups.Row{row})
	if err != nil {
		return err
	}
	text := "%s was in group %s already: nothing is changed.\n"
	switch {
	case did.Added > 0:
		text = "%s is now in group %s.\n"
	case did.Changed > 0:
		text = "%s was in group %s already: its name or description is changed.\n"
	}
	c.warn(p, row)
	_, err = fmt.Fprintf(p.stdout, text, c.Extension, c.Group)
	return err
}

// warn says which numbers may not be dialled, by the rules of the configuration: nobody would notice before they are.
func (f configFlag) warn(p *process, rows ...groups.Row) {
	cfg, _, err := f.load(p.environ)
	if err != nil {
		return // it was good a moment ago
	}
	for _, r := range rows {
		for _, trouble := range cfg.undialled(r.Member) {
			fmt.Fprintf(p.stderr, "warning: in group %s %s\n", r.Group, trouble)
		}
	}
}

// undialled says of each number of a member that will not be dialled why.
func (c *Config) undialled(m groups.Member) (troubles []string) {
	rules, err := c.Dialout.Rules.Compile()
	if err != nil {
		return nil
	}
	for _, number := range dialout.Member(m).Numbers() {
		written, cause := rules.Check(number)
		switch {
		case cause != "":
			troubles = append(troubles, fmt.Sprintf("%s will not be dialled: %s: see the section dialout of the configuration", number, cause))
		case len(c.Trunks) > 0 && !slices.ContainsFunc(c.Trunks, func(t dialout.Trunk) bool { return len(t.Numbers) == 0 || matchesAny(t.Numbers, written) }):
			troubles = append(troubles, fmt.Sprintf("%s will not be dialled: %s: see numbers of the trunks in the configuration", number, dialout.NoTrunk))
		}
	}
	return troubles
}

// matchesAny says whether one of the patterns, which were checked, matches a number.
func matchesAny(patterns []string, number string) bool {
	return slices.ContainsFunc(patterns, func(text string) bool {
		p, err := pattern.Parse(text)
		return err == nil && p.Matches(number)
	})
}

// memberOf is a member as the store has him, or one with nothing but his extension.
func memberOf(ctx context.Context, store groups.Store, group, extension string) (groups.Member, error) {
	rows, err := store.Rows(ctx) // Members leaves out who cannot be called
	if err != nil {
		return groups.Member{}, err
	}
	for _, r := range rows {
		if r.Group == group && r.Extension == extension {
			return r.Member, nil
		}
	}
	return groups.Member{Extension: extension}, nil
}

type groupsRemoveCmd struct {
	configFlag
	Group     string `arg:"" help:"The group's id."`
	Extension string `arg:"" optional:"" help:"Whom to take out. Without it the whole group goes."`
}

// Run removes a member or a group.
func (c *groupsRemoveCmd) Run(p *process) error {
	ctx, end, store, err := c.open(p)
	if err != nil {
		return err
	}
	defer end()
	rows, err := store.Remove(ctx, c.Group, c.Extension)
	switch {
	case err != nil:
		return err
	case c.Extension == "" && rows == 0:
		return fmt.Errorf("group %q: %w: \"sipconf groups list\" shows those that there are", c.Group, groups.ErrUnknown)
	case rows == 0:
		return fmt.Errorf("%s is not in group %s: \"sipconf groups show %s\" says who is", c.Extension, c.Group, c.Group)
	case c.Extension == "":
		_, err = fmt.Fprintf(p.stdout, "Group %s is removed: it had %s.\n", c.Group, count(rows, "row"))
	default:
		_, err = fmt.Fprintf(p.stdout, "%s is no longer in group %s.\n", c.Extension, c.Group)
	}
	return err
}

type groupsImportCmd struct {
	configFlag
	File string `arg:"" help:"The CSV file. Its first line is groupid,extension,name,description." placeholder:"FILE.csv"`
}

func (*groupsImportCmd) Help() string {
	return `The first line names the columns groupid, extension, name and description, in any order. The file is UTF-8; ` +
		`the byte order mark, semicolons and tabs of spreadsheets are understood. Faults are told with their lines, and ` +
		`then nothing is changed. Members that the file does not list stay. To import a file twice changes nothing.`
}

// Run imports a file.
func (c *groupsImportCmd) Run(p *process) error {
	ctx, end, store, err := c.open(p)
	if err != nil {
		return err
	}
	defer end()
	file, err := os.Open(c.File)
	if err != nil {
		return fmt.Errorf("reading the groups: %w", err)
	}
	defer file.Close()
	rows, err := groups.ReadCSV(file)
	var wrong groups.Faults
	if errors.As(err, &wrong) {
		for _, f := range wrong {
			fmt.Fprintln(p.stderr, fault{place: place{file: c.File, line: f.Line}, path: f.Column, text: f.Text})
		}
		fmt.Fprintln(p.stderr, "sipconf: nothing is imported")
		return errSilent
	}
	if err != nil {
		return fmt.Errorf("reading %s: %w", c.File, err)
	}
	did, err := store.Put(ctx, rows)
	if err != nil {
		return fmt.Errorf("nothing is imported: %w", err)
	}
	c.warn(p, rows...)
	_, err = fmt.Fprintf(p.stdout, "%s: %d added, %d changed, %d unchanged.\n", count(len(rows), "row"), did.Added, did.Changed, did.Unchanged)
	return err
}

type groupsExportCmd struct{ configFlag }

// Run exports all groups.
func (c *groupsExportCmd) Run(p *process) error {
	ctx, end, store, err := c.open(p)
	if err != nil {
		return err
	}
	defer end()
	rows, err := store.Rows(ctx)
	if err != nil {
		return err
	}
	return groups.WriteCSV(p.stdout, rows)
}

// count is "1 row", "2 rows".
func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// writeColumns writes lines in columns as wide as their widest text, with no spaces at the end of a line.
func writeColumns(w io.Writer, lines [][]string) error {
	var widths []int
	for _, line := range lines {
		for i, text := range line {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(text))
		}
	}
	var b strings.Builder
	for _, line := range lines {
		var out strings.Builder
		for i, text := range line {
			out.WriteString(text + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(text)+2))
		}
		b.WriteString(strings.TrimRight(out.String(), " ") + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
