package groups

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sipconf/sipconf/dialout"
)

// A Member is somebody who is called with a group.
type Member struct {
	Extension   string // the number to dial, or several with commas in between, in the order in which they are tried; a policy may follow each
	Name        string
	Description string
}

// numbers is the numbers of a member in the order in which they are tried.
func (m Member) numbers() []string { return dialout.Member(m).Numbers() }

// A Row is a member with the id of the group: one line of the table conf_groups.
type Row struct {
	Group string
	Member
}

// columns is the article's, in the order of its text: "Groups, Number, Name, Description".
var columns = []string{"groupid", "extension", "name", "description"}

// fields is the row's texts in the order of columns.
func (r *Row) fields() []*string {
	return []*string{&r.Group, &r.Extension, &r.Name, &r.Description}
}

// memberFields is those of the member alone.
func (r *Row) memberFields() []*string { return r.fields()[1:] }

// The longest texts that are written, in characters.  They fit the tables of docs/groups.md.
const (
	longestGroup       = 64
	longestExtension   = 255
	longestName        = 255
	longestDescription = 1000
)

// Faults is what is wrong with a row, before it is written to a store.  What a store holds already is taken as it
// is.
func (r Row) Faults() Faults {
	var found Faults
	blame := func(column, format string, args ...any) {
		found = append(found, Fault{Column: column, Text: fmt.Sprintf(format, args...)})
	}
	if text := faultOfGroup(r.Group); text != "" {
		blame("groupid", "%s", text)
	}
	if text := faultOfExtension(r.Extension); text != "" {
		blame("extension", "%s", text)
	}
	if text := faultOfText(r.Name, longestName); text != "" {
		blame("name", "%s", text)
	}
	if text := faultOfText(r.Description, longestDescription); text != "" {
		blame("description", "%s", text)
	}
	return found
}

func isAlphanumeric(c rune) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// faultOfGroup keeps ids to what a telephone, a number plan and every database agree about.
func faultOfGroup(id string) string {
	switch {
	case id == "":
		return "is empty: write the group's id, such as 100"
	case utf8.RuneCountInString(id) > longestGroup:
		return fmt.Sprintf("is longer than %d characters", longestGroup)
	}
	for _, c := range id {
		if !isAlphanumeric(c) && !strings.ContainsRune("*#+._-", c) {
			return fmt.Sprintf("%q holds %q: a group's id is digits, or letters of ASCII and * # + . _ -", id, c)
		}
	}
	return ""
}

func faultOfExtension(extension string) string {
	switch {
	case len(Member{Extension: extension}.numbers()) == 0:
		return "is empty: write the number to dial, such as 201"
	case strings.TrimSpace(extension) != extension:
		return fmt.Sprintf("%q begins or ends with a space", extension)
	case utf8.RuneCountInString(extension) > longestExtension:
		return fmt.Sprintf("is longer than %d characters", longestExtension)
	case isScientific(extension):
		return fmt.Sprintf("%q is what a spreadsheet makes of a long number: make the column text there, and write the number again",
			extension)
	}
	for _, c := range extension {
		if !isAlphanumeric(c) && !strings.ContainsRune("*#+._-() ,", c) {
			return fmt.Sprintf("%q holds %q: a number is digits, letters of ASCII and * # + . _ - ( ) and spaces; several have commas in between",
				extension, c)
		}
	}
	for number := range strings.SplitSeq(extension, ",") {
		if !strings.ContainsFunc(number, isAlphanumeric) {
			return fmt.Sprintf("%q has a comma with no number before or after it", extension)
		}
	}
	if err := (dialout.Member{Extension: extension}).Check(); err != nil {
		return fmt.Sprintf("%q has a word behind a number: %v", extension, err)
	}
	return ""
}

// isScientific says whether a number looks like 8.9161E+10.
func isScientific(text string) bool {
	before, after, ok := strings.Cut(strings.ToUpper(text), "E+")
	notDigit := func(c rune) bool { return c < '0' || c > '9' }
	return ok && after != "" && !strings.ContainsFunc(after, notDigit) &&
		before != "" && !strings.ContainsFunc(strings.NewReplacer(".", "", ",", "").Replace(before), notDigit)
}

func faultOfText(text string, longest int) string {
	switch {
	case !utf8.ValidString(text):
		return "is not UTF-8"
	case utf8.RuneCountInString(text) > longest:
		return fmt.Sprintf("is longer than %d characters", longest)
	case strings.ContainsFunc(text, unicode.IsControl):
		return fmt.Sprintf("%q holds a control character, such as a line break: write it on one line", text)
	case strings.TrimSpace(text) != text:
		return fmt.Sprintf("%q begins or ends with a space", text)
	}
	return ""
}

// tidy makes a row of what a table holds: columns of fixed width are filled up with spaces, and a name may hold a
// line break.  What is tidy can be written as it is, and into a line of the log.
func (r Row) tidy() Row {
	return Row{tidyNumber(r.Group), Member{tidyNumber(r.Extension), tidyText(r.Name), tidyText(r.Description)}}
}

// tidyNumber does no more than TRIM in SQL does, by which the row is found again.
func tidyNumber(text string) string {
	return strings.Trim(strings.ToValidUTF8(text, string(utf8.RuneError)), " ")
}

func tidyText(text string) string {
	return strings.TrimSpace(strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(text, string(utf8.RuneError))))
}

// compareRows puts rows in order by group and extension, and these as people do: 9 before 10, and 10 before anna.
func compareRows(a, b Row) int {
	return cmp.Or(compareNumbers(a.Group, b.Group), compareNumbers(a.Extension, b.Extension))
}

func compareNumbers(a, b string) int {
	x, y := strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	notDigit := func(c rune) bool { return c < '0' || c > '9' }
	aWord, bWord := strings.ContainsFunc(a, notDigit), strings.ContainsFunc(b, notDigit)
	switch {
	case aWord && bWord:
		return strings.Compare(a, b)
	case aWord:
		return 1
	case bWord:
		return -1
	}
	return cmp.Or(cmp.Compare(len(x), len(y)), strings.Compare(x, y), strings.Compare(a, b))
}

// once keeps the first of several rows with the same group and extension: a table without a key may have more.
func once(rows []Row) []Row {
	type key struct{ group, extension string }
	seen := map[key]bool{}
	return slices.DeleteFunc(rows, func(r Row) bool {
		k := key{r.Group, r.Extension}
		again := seen[k]
		seen[k] = true
		return again
	})
}

// callable is the members of rows that can be called, each extension once.
func callable(rows []Row) []Member {
	var members []Member
	for _, r := range once(rows) {
		if len(r.numbers()) > 0 {
			members = append(members, r.Member)
		}
	}
	return members
}
