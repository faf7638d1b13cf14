package groups

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// mostSheet is the most bytes of a CSV file.
const mostSheet = 64 << 20

// byteOrderMark begins a file that a spreadsheet calls "CSV UTF-8".
const byteOrderMark = "\uFEFF"

// ReadCSV reads the rows of a CSV file (RFC 4180) whose first line names the columns groupid, extension, name and
// description, in any order.  It takes files as spreadsheets write them: with a byte order mark, with semicolons or
// tabs for the commas, with empty lines at the end.  The whole file is good, or the error is Faults with their
// lines; a row that stands there twice is taken once.
func ReadCSV(from io.Reader) ([]Row, error) {
	text, err := io.ReadAll(io.LimitReader(from, mostSheet+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) > mostSheet:
		return nil, fmt.Errorf("this is no list of groups: it has more than %d bytes", mostSheet)
	}
	text = bytes.TrimPrefix(text, []byte(byteOrderMark))
	if line := firstBadLine(text); line > 0 {
		return nil, Faults{{Line: line, Text: `this is not UTF-8: save the file as "CSV UTF-8"`}}
	}
	s := sheet{first: map[[2]string]place{}}
	s.csv = csv.NewReader(bytes.NewReader(text))
	s.csv.Comma = separatorOf(text)
	s.csv.FieldsPerRecord = -1 // counted by readRow, which says more
	if !s.readHeader() {
		return nil, s.faults
	}
	for s.readRow() {
	}
	if len(s.faults) > 0 {
		return nil, s.faults
	}
	return s.rows, nil
}

// A sheet is a CSV file that is being read.
type sheet struct {
	csv    *csv.Reader
	column []int // of the file, for each of columns
	rows   []Row
	first  map[[2]string]place // by group and extension
	faults Faults
}

// A place is where a row was first.
type place struct {
	line int
	row  Row
}

func firstBadLine(text []byte) int {
	if utf8.Valid(text) {
		return 0
	}
	number := 0
	for line := range bytes.Lines(text) {
		if number++; !utf8.Valid(line) {
			break
		}
	}
	return number
}

// separatorOf is the one of the usual separators that the first line has most of.
func separatorOf(text []byte) rune {
	line, _, _ := bytes.Cut(text, []byte("\n"))
	best := ','
	for _, c := range ";\t" {
		if strings.Count(string(line), string(c)) > strings.Count(string(line), string(best)) {
			best = c
		}
	}
	return best
}

// next is the next line that holds something, and where it begins.
func (s *sheet) next() (record []string, line int, ok bool) {
	for {
		record, err := s.csv.Read()
		var syntax *csv.ParseError
		switch {
		case err == io.EOF:
			return nil, 0, false
		case errors.As(err, &syntax):
			s.blame(syntax.StartLine, "", "%v", syntax.Err)
			return nil, 0, false // what follows would be read askew
		case err != nil:
			s.blame(0, "", "%v", err)
			return nil, 0, false
		}
		for i := range record {
			record[i] = strings.TrimSpace(record[i])
		}
		if strings.Join(record, "") != "" {
			line, _ = s.csv.FieldPos(0)
			return record, line, true
		}
	}
}

func (s *sheet) blame(line int, column, format string, args ...any) {
	s.faults = append(s.faults, Fault{line, column, fmt.Sprintf(format, args...)})
}

func (s *sheet) readHeader() bool {
	header, line, ok := s.next()
	if !ok {
		if len(s.faults) == 0 {
			s.blame(1, "", "the file is empty: its first line must be %s", strings.Join(columns, ","))
		}
		return false
	}
	for i := range header {
		header[i] = strings.ToLower(header[i])
	}
	if !slices.ContainsFunc(header, func(name string) bool { return slices.Contains(columns, name) }) {
		s.blame(line, "", "the first line must name the columns %s", strings.Join(columns, ","))
		return false
	}
	for i := range header {
		if !slices.Contains(columns, header[i]) {
			s.blame(line, "", "there is no column %q: the first line must name the columns %s", header[i], strings.Join(columns, ","))
		}
		if slices.Contains(header[:i], header[i]) {
			s.blame(line, "", "the column %q is there twice", header[i])
		}
	}
	for _, name := range columns {
		at := slices.Index(header, name)
		if at < 0 {
			s.blame(line, "", "the column %q is missing: the first line must name the columns %s", name, strings.Join(columns, ","))
		}
		s.column = append(s.column, at)
	}
	return len(s.faults) == 0
}

// readRow reads a line, and says whether there was one.
func (s *sheet) readRow() bool {
	record, line, ok := s.next()
	if !ok {
		return false
	}
	if len(record) != len(columns) {
		s.blame(line, "", "there are %d fields, but %d columns: a field with a separator in it stands in double quotes", len(record), len(columns))
		return true
	}
	var row Row
	for i, field := range row.fields() {
		*field = record[s.column[i]]
	}
	if wrong := row.Faults(); len(wrong) > 0 {
		s.faults = append(s.faults, wrong.at(line)...)
		return true
	}
	key := [2]string{row.Group, row.Extension}
	switch before, again := s.first[key]; {
	case !again:
		s.first[key] = place{line, row}
		s.rows = append(s.rows, row)
	case before.row != row:
		s.blame(line, "", "%s is already in group %s, on line %d, with another name or description", row.Extension, row.Group, before.line)
	}
	return true
}

// WriteCSV writes rows as ReadCSV reads them: with commas, the line of the columns first.
func WriteCSV(to io.Writer, rows []Row) error {
	w := csv.NewWriter(to)
	w.Write(columns) // an error stays, and Flush finds it
	for _, r := range rows {
		var record []string
		for _, field := range r.fields() {
			record = append(record, *field)
		}
		w.Write(record)
	}
	w.Flush()
	return w.Error()
}
