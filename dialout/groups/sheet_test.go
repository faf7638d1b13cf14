package groups

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// anyRow is a row that may be written.
var anyRow = rapid.Custom(func(t *rapid.T) Row {
	text := rapid.OneOf(
		rapid.Just(""), rapid.StringN(0, 20, -1), rapid.StringMatching(`[ -~]{0,20}`), rapid.StringOf(rapid.SampledFrom([]rune("a\",;\t'=\\#\uFEFF "))),
	)
	return row(
		rapid.StringMatching(`[0-9a-z*#+._-]{1,5}`).Draw(t, "group"),
		rapid.StringMatching(`[0-9]{1,5}( ?,[0-9]{1,3})?`).Draw(t, "extension"),
		text.Draw(t, "name"), text.Draw(t, "description")).tidy()
}).Filter(func(r Row) bool { return len(r.Faults()) == 0 })

type fataler interface {
	Helper()
	Fatalf(string, ...any)
}

// throughCSV is rows after they were written and read.
func throughCSV(t fataler, rows []Row) []Row {
	t.Helper()
	var b bytes.Buffer
	if err := WriteCSV(&b, rows); err != nil {
		t.Fatalf("%v", err)
	}
	again, err := ReadCSV(&b)
	if err != nil {
		t.Fatalf("%+v: %v", rows, err)
	}
	return again
}

// TestPoliciesAreTaken: in an extension as docs/groups.md has it.
func TestPoliciesAreTaken(t *testing.T) {
	for _, extension := range []string{"101, 8 916 1234567 straight", "101 press-1,102", "101 consult", "anna", "8 (916) 123-45-67 straight"} {
		if wrong := row("100", extension, "", "").Faults(); len(wrong) > 0 {
			t.Errorf("%q: %v", extension, wrong)
		}
	}
}

func TestCSVRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.SliceOfNDistinct(anyRow, 0, 20, func(r Row) string { return r.Group + " " + r.Extension }).Draw(t, "rows")
		if again := throughCSV(t, rows); !slices.Equal(again, rows) {
			t.Fatalf("got %+v\nwant %+v", again, rows)
		}
	})
}

// TestSpreadsheets: files as other programs write them.
func TestSpreadsheets(t *testing.T) {
	want := []Row{row("100", "201", "Анна; директор", "a, b"), row("100", "+7 (916) 123-45-67", "", "")}
	for name, text := range map[string]string{
		"as we do":    "groupid,extension,name,description\n100,201,Анна; директор,\"a, b\"\n100,+7 (916) 123-45-67,,\n",
		"Excel":       "\uFEFFgroupid;extension;name;description\r\n100;201;\"Анна; директор\";a, b\r\n100;+7 (916) 123-45-67;;\r\n;;;\r\n",
		"tabs":        "groupid\textension\tname\tdescription\n100\t201\tАнна; директор\ta, b\n100\t+7 (916) 123-45-67\t\t",
		"other order": "Name, Extension ,DESCRIPTION,groupid\nАнна; директор,201,\"a, b\",100\n\n,+7 (916) 123-45-67,,100\n",
		"twice":       "groupid,extension,name,description\n100,201,Анна; директор,\"a, b\"\n100,+7 (916) 123-45-67,,\n100,201,Анна; директор,\"a, b\"\n",
		"spaces":      "groupid,extension,name,description\n 100 , 201 , Анна; директор ,\"a, b \"\n100,+7 (916) 123-45-67, ,\u00a0\n",
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := ReadCSV(strings.NewReader(text)); err != nil || !slices.Equal(got, want) {
				t.Errorf("got %+v, %v\nwant %+v", got, err, want)
			}
		})
	}
}

// TestCSVFaults: every fault of a file, with its line.
func TestCSVFaults(t *testing.T) {
	const header = "groupid,extension,name,description\n"
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "line 1: the file is empty: its first line must be groupid,extension,name,description"},
		{"no header", "100,201,Anna,\n", `line 1: the first line must name the columns groupid,extension,name,description`},
		{"a strange column", "groupid,extension,name,description,floor\n", `line 1: there is no column "floor": the first line must name the columns groupid`},
		{"short header", "groupid,extension,name\n", `line 1: the column "description" is missing`},
		{"column twice", "groupid,extension,name,description,name\n", `line 1: the column "name" is there twice`},
		{"old encoding", header + "100,201,Anna,\n100,202,\xc0\xed\xed\xe0,\n", `line 3: this is not UTF-8: save the file as "CSV UTF-8"`},
		{"several", header + "\n,201,,\n100,,,\n100,202,\"a\nb\",\n\n100,203,Clara,\n1 0,204,,\n", `line 3: groupid: is empty
line 4: extension: is empty
line 5: name: "a\nb" holds a control character
line 9: groupid: "1 0" holds ' '`},
		{"made a number", header + "100,8.9161E+10,,\n", "line 2: extension: \"8.9161E+10\" is what a spreadsheet makes of a long number"},
		{"made a number, elsewhere", header + "100,\"8,9161E+10\",,\n", "line 2: extension: \"8,9161E+10\" is what a spreadsheet makes of a long number"},
		{"contradiction", header + "100,201,Anna,\n100,202,,\n100,201,Anja,\n", "line 4: 201 is already in group 100, on line 2, with another name"},
		{"too many fields", header + "100,201,Petrova, Anna,\n100,202,Boris\n", "line 2: there are 5 fields, but 4 columns\nline 3: there are 3 fields, but 4 columns"},
		{"open quote", header + "100,201,Anna,\n100,202,\"Boris,\n", `line 3: extraneous or missing " in quoted-field`},
		{"bare quote", header + "100,201,Anna \"Anja\",\n", `line 2: bare " in non-quoted-field`},
		{"long", header + "100,201," + strings.Repeat("я", 256) + ",\n", "line 2: name: is longer than 255 characters"},
		{"a letter", header + "100,20l/201,,\n", `line 2: extension: "20l/201" holds '/'`},
		{"no policy", header + "100,101 strait,,\n", `line 2: extension: "101 strait" has a word behind a number: "strait" is no policy; write straight, press-1, consult`},
		{"half a list", header + "100,\"201,\",,\n", `line 2: extension: "201," has a comma with no number`},
	} {
		t.Run(c.name, func(t *testing.T) {
			rows, err := ReadCSV(strings.NewReader(c.text))
			var faults Faults
			if !errors.As(err, &faults) {
				t.Fatalf("got %+v, %v, want faults", rows, err)
			}
			wants := strings.Split(c.want, "\n")
			if len(faults) != len(wants) {
				t.Fatalf("got\n%v\nwant\n%s", err, c.want)
			}
			for i, fault := range faults {
				if !strings.HasPrefix(fault.String(), wants[i]) {
					t.Errorf("got  %s\nwant %s", fault, wants[i])
				}
			}
		})
	}
}

// FuzzReadCSV: whatever stands in a file, it is read or it has faults; and what is read can be written and read again.
func FuzzReadCSV(f *testing.F) {
	f.Add([]byte("\uFEFFgroupid;extension;name;description\r\n100;201;\"Анна; директор\";a, b\r\n;;;\r\n"))
	f.Add([]byte("groupid,extension,name,description\n100,\"201,202\",Anna,\n100,201,\"a\nb\",\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		rows, err := ReadCSV(bytes.NewReader(text))
		if err != nil {
			return
		}
		if again := throughCSV(t, rows); !slices.Equal(again, rows) {
			t.Errorf("got %+v\nwant %+v", again, rows)
		}
	})
}
