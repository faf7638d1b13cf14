package main

import (
	"fmt"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// A block is a part of the configuration that is neither a scalar nor a list of them: a list of records, or a map whose
// keys are the operator's own.  It has no environment variable.
type block struct {
	path   string // "numbers" is a whole section, "groups.list" stands in one
	preset string // its default, as the README says it
	doc    string // of one that is no section, in finished sentences
	empty  string // how it is written when it has nothing in it
	read   func(r *configReader, at place, node ast.Node)
	lines  func(c *Config) []string // it in YAML, without its name
}

// blocks is all of them, in the order in which config.yaml and the README show those of a section, behind its keys.
var blocks = []block{
	{numbersPath, "the rules of config.yaml", "", "[]", (*configReader).readNumbers,
		func(c *Config) []string { return recordLines(ruleFields, c.Numbers) }},
	{trunksPath, "none", "", "[]", (*configReader).readTrunks,
		func(c *Config) []string { return recordLines(trunkFields, c.Trunks) }},
	{linksPath, "none", "", "[]", (*configReader).readLinks,
		func(c *Config) []string { return recordLines(linkFields, c.Links) }},
	{linesPath, "none", "", "[]", (*configReader).readLines,
		func(c *Config) []string { return recordLines(lineFields, c.Lines) }},
	{policiesPath, "`[]`", policiesDoc, "[]", (*configReader).readPolicies,
		func(c *Config) []string { return recordLines(policyFields, c.Dialout.Rules.Policies) }},
	{groupListPath, "`{}`", groupListDoc, "{}", (*configReader).readGroupList,
		func(c *Config) []string { return groupListLines(c.Groups.List) }},
	{amiPath, "`[]`", amiDoc, "[]", (*configReader).readAMI,
		func(c *Config) []string { return recordLines(amiFields, c.Asterisk.AMI) }},
	{participantMenuPath, "that of config.yaml", participantMenuDoc, "{}", (*configReader).readParticipantMenu,
		func(c *Config) []string { return menuLines(c.Menus.Participant) }},
	{hostMenuPath, "that of config.yaml", hostMenuDoc, "{}", (*configReader).readHostMenu,
		func(c *Config) []string { return menuLines(c.Menus.Host) }},
	{languagesPath, "`[]`", languagesDoc, "[]", (*configReader).readLanguages,
		func(c *Config) []string { return recordLines(languageFields, c.Prompts.Languages) }},
}

// blockAt is the block with that path, or nil.
func blockAt(path string) *block {
	for i := range blocks {
		if blocks[i].path == path {
			return &blocks[i]
		}
	}
	return nil
}

// blocksIn is the blocks in a section.
func blocksIn(section string) (in []*block) {
	for i := range blocks {
		if strings.HasPrefix(blocks[i].path, section+".") {
			in = append(in, &blocks[i])
		}
	}
	return in
}

// name is the last word of its path.
func (k *block) name() string { return k.path[strings.LastIndexByte(k.path, '.')+1:] }

// write writes it as it is read.
func (k *block) write(b *strings.Builder, indent string, c *Config, docs bool) {
	if docs && k.doc != "" {
		writeComment(b, indent, k.doc)
	}
	lines := k.lines(c)
	if len(lines) == 0 {
		fmt.Fprintf(b, "%s%s: %s\n", indent, k.name(), k.empty)
		return
	}
	fmt.Fprintf(b, "%s%s:\n", indent, k.name())
	for _, line := range lines {
		b.WriteString(indent + "  " + line + "\n")
	}
}
