package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/token"

	"github.com/sipconf/sipconf/dialout/groups"
)

// A listFile is the file of a configuration whose groups are a list in it, to be changed by sipconf groups.  Only the
// lines of that list are written anew; all else, comments too, stays as the operator wrote it.
type listFile struct {
	name    string
	text    []byte
	environ []string
}

// errByHand is that the list stands in the file in a way that cannot be changed line by line.
var errByHand = errors.New("groups.list does not stand there on lines of its own: change it with an editor")

// save writes another list into the file, whole or not at all.
func (f *listFile) save(list map[string][]groups.Member) error {
	text, err := f.with(list)
	if err == nil {
		err = f.check(text, list)
	}
	if err == nil {
		err = replaceFile(f.name, text)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", f.name, err)
	}
	f.text = text
	return nil
}

// check reads the new text as the server will: it must say the same but for the list.
func (f *listFile) check(text []byte, list map[string][]groups.Member) error {
	before, _ := parseConfig(f.name, f.text, f.environ)
	after, found := parseConfig(f.name, text, f.environ)
	if len(list) == 0 {
		list = nil
	}
	before.Groups.List = list
	if _, wrong := found.split(); len(wrong) > 0 || !reflect.DeepEqual(before, after) {
		return errByHand
	}
	return nil
}

// with is the text with another list.
func (f *listFile) with(list map[string][]groups.Member) ([]byte, error) {
	lines := slices.Collect(bytes.Lines(f.text))
	at, err := findList(f.text, lines)
	if err != nil {
		return nil, err
	}
	for _, line := range commentLines(f.text) {
		if line > at.first && line <= at.end {
			return nil, fmt.Errorf("line %d is a comment in groups.list, which would be lost: change it with an editor", line)
		}
	}
	var b strings.Builder
	for _, line := range lines[:at.first] {
		b.Write(line)
	}
	if at.first > 0 && !bytes.HasSuffix(lines[at.first-1], []byte("\n")) {
		b.WriteString("\n")
	}
	indent := strings.Repeat(" ", at.indent)
	if at.section {
		fmt.Fprintf(&b, "%s:\n", groupsPath)
	}
	blockAt(groupListPath).write(&b, indent, &Config{Groups: GroupsConfig{List: list}}, false)
	for _, line := range lines[at.end:] {
		b.Write(line)
	}
	return []byte(b.String()), nil
}

// A listPlace is the lines of the file that the list takes, from 0, the end not included.  They may be none.
type listPlace struct {
	first, end int
	indent     int
	section    bool // whether the line of the section is missing as well
}

// findList finds where the list stands, or where it belongs.
func findList(text []byte, lines [][]byte) (listPlace, error) {
	tree, err := parseYAML(text)
	if err != nil {
		return listPlace{}, err
	}
	section, value := entryOf(bodyOf(tree), groupsPath)
	if section == nil {
		return listPlace{len(lines), len(lines), 2, true}, nil
	}
	at := listPlace{section.Position.Line, section.Position.Line, section.Position.Column + 1, false}
	if entries, ok := value.(ast.MapNode); ok {
		for entry := entries.MapRange(); entry.Next(); {
			key := entry.Key().GetToken()
			if !standsAlone(lines, key.Position) {
				return listPlace{}, errByHand
			}
			end := endOf(lines, key.Position)
			at = listPlace{end, end, key.Position.Column - 1, false} // behind it, unless it is the list itself
			if key.Value == groupListName {
				at.first = key.Position.Line - 1
				break
			}
		}
	}
	return at, nil
}

// bodyOf is what a file of one document holds.
func bodyOf(tree *ast.File) ast.Node {
	for _, document := range tree.Docs {
		if document.Body != nil && document.Body.Type() != ast.CommentType {
			return document.Body
		}
	}
	return nil
}

// entryOf is the key of a map with that name, and its value.
func entryOf(node ast.Node, name string) (key *token.Token, value ast.Node) {
	entries, ok := node.(ast.MapNode)
	if !ok {
		return nil, nil
	}
	for entry := entries.MapRange(); entry.Next(); {
		if t := entry.Key().GetToken(); t.Value == name {
			return t, entry.Value()
		}
	}
	return nil, nil
}

// standsAlone says whether nothing but spaces is before a key on its line.
func standsAlone(lines [][]byte, at *token.Position) bool {
	return len(bytes.TrimLeft(lines[at.Line-1], " ")) == len(lines[at.Line-1])-(at.Column-1)
}

// endOf is the line, from 0, behind the last one that belongs to a key: those that are indented more.
func endOf(lines [][]byte, key *token.Position) int {
	end := key.Line
	for i := key.Line; i < len(lines); i++ {
		line := bytes.TrimLeft(lines[i], " ")
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		if len(lines[i])-len(line) < key.Column { // no more than the key itself
			break
		}
		end = i + 1
	}
	return end
}

// commentLines are the lines, from 1, that hold a comment.
func commentLines(text []byte) (lines []int) {
	for _, t := range lexer.Tokenize(string(text)) {
		if t.Type == token.CommentType {
			lines = append(lines, t.Position.Line)
		}
	}
	return lines
}

// replaceFile writes a file anew, so that whoever reads it has the old text or the new one, and it stays whose it is.
func replaceFile(name string, text []byte) error {
	name, err := filepath.EvalSymlinks(name)
	if err != nil {
		return err
	}
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	fresh, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-")
	if err != nil {
		return err
	}
	defer os.Remove(fresh.Name()) // it has another name by then, or is of no use
	_, err = fresh.Write(text)
	if owner, ok := info.Sys().(*syscall.Stat_t); ok && os.Geteuid() == 0 {
		err = errors.Join(err, fresh.Chown(int(owner.Uid), int(owner.Gid)))
	}
	if err := errors.Join(err, fresh.Chmod(info.Mode().Perm()), fresh.Sync(), fresh.Close()); err != nil {
		return err
	}
	return os.Rename(fresh.Name(), name)
}
