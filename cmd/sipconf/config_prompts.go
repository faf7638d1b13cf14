package main

import (
	"github.com/goccy/go-yaml/ast"

	"github.com/sipconf/sipconf/asterisk/pattern"
	"github.com/sipconf/sipconf/prompts"
)

// The section prompts has a list of rules besides its keys.
const (
	languagesPath = "prompts.languages"
	languagesDoc  = "Who hears another language, by his number and the room's; the first rule that matches. A pattern that is left out matches everybody."
)

// PromptsConfig is the section prompts.
type PromptsConfig struct {
	Folder    string // with recordings that replace ours; empty: none
	Language  string
	Languages []languageRule
}

// A languageRule is one of the rules of prompts.languages.
type languageRule struct{ Number, Room, Language string }

var languageFields = []field[languageRule]{
	{"number", one(patternForm, func(l *languageRule) *string { return &l.Number })},
	{"room", one(patternForm, func(l *languageRule) *string { return &l.Room })},
	{"language", one(languageForm, func(l *languageRule) *string { return &l.Language })},
}

// readLanguages reads prompts.languages.
func (r *configReader) readLanguages(at place, node ast.Node) {
	if rules, ok := readRecords(r, at, languagesPath, node, languageFields, `{number: "_7XX", language: ru}`); ok {
		r.config.Prompts.Languages = rules
	}
}

// checkPrompts looks for rules that say no language.
func (r *configReader) checkPrompts() {
	for i, rule := range r.config.Prompts.Languages {
		if at, record := r.element(languagesPath, i); rule.Language == "" && r.good(record) {
			r.fault(at, record, "it says no language: write language: %s", prompts.Russian)
		}
	}
}

// languageFor makes the function that says who hears which language.
func (c *PromptsConfig) languageFor() func(room, number string) string {
	type compiled struct {
		number, room *pattern.Pattern // nil: any
		language     string
	}
	parse := func(text string) *pattern.Pattern {
		if text == "" {
			return nil
		}
		p, _ := pattern.Parse(text) // it was, by patternForm
		return &p
	}
	var rules []compiled
	for _, rule := range c.Languages {
		rules = append(rules, compiled{parse(rule.Number), parse(rule.Room), rule.Language})
	}
	return func(room, number string) string {
		for _, rule := range rules {
			if (rule.number == nil || rule.number.Matches(number)) && (rule.room == nil || rule.room.Matches(room)) {
				return rule.language
			}
		}
		return c.Language
	}
}

var languageForm = form[string]{
	name: "a language",
	parse: func(text string) (string, error) {
		for _, language := range prompts.Languages() {
			if text == language {
				return text, nil
			}
		}
		return "", misfit(text, "a language", "en or ru")
	},
	write: func(text string) string { return text },
}

// folderForm is the path of a folder, or nothing.
var folderForm = form[string]{
	name: "a folder", quoted: true, parse: textForm.parse, write: textForm.write,
}
