package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// writeConfig writes c as a config.yaml that reads back as c.  With docs, each key has its
// documentation above it.
func writeConfig(w io.Writer, c *Config, docs bool) error {
	var b strings.Builder
	if docs {
		b.WriteString(configHeader)
	}
	for i, s := range sections {
		if i > 0 || docs {
			b.WriteString("\n")
		}
		if docs {
			writeComment(&b, "", s.doc)
		}
		if whole := blockAt(s.name); whole != nil {
			whole.write(&b, "", c, docs)
			continue
		}
		fmt.Fprintf(&b, "%s:\n", s.name)
		writeKeys(&b, c, s.name, docs)
		for _, part := range blocksIn(s.name) {
			part.write(&b, "  ", c, docs)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

const configHeader = `# The configuration of sipconf: every key with its default. A key that is left out keeps its default,
# an unknown one is a fault. "sipconf check" reads this file and says what is wrong with it.
# An environment variable overrides a key: SIPCONF_SIP_LISTEN is sip.listen; a list is written with commas.
# A duration is written with its unit: 500ms, 90s, 30m, 2h.
`

func writeKeys(b *strings.Builder, c *Config, section string, docs bool) {
	for _, name := range keyNames(section) {
		k := findKey(section + "." + name)
		if docs {
			writeComment(b, "  ", k.doc)
		}
		fmt.Fprintf(b, "  %s: %s\n", name, yamlText(k.value(c)))
	}
}

// yamlText is a value in YAML, on one line.
func yamlText(v value) string {
	texts := v.texts()
	if _, quoted := v.form(); quoted {
		for i := range texts {
			texts[i] = strconv.Quote(texts[i])
		}
	}
	if v.isList() {
		return "[" + strings.Join(texts, ", ") + "]"
	}
	return texts[0]
}

// writeComment writes text as lines of comment, none longer than an operator's terminal is wide.
func writeComment(b *strings.Builder, indent, text string) {
	const width = 100
	line := indent + "#"
	for _, word := range strings.Fields(text) {
		if len(line)+1+len(word) > width {
			b.WriteString(line + "\n")
			line = indent + "#"
		}
		line += " " + word
	}
	b.WriteString(line + "\n")
}

// configTable is the table of the README: every key, its default and its meaning, in Markdown.
func configTable() string {
	c, b := defaultConfig(), new(strings.Builder)
	b.WriteString("| Key | Default | What it does |\n| --- | --- | --- |\n")
	for _, s := range sections {
		if whole := blockAt(s.name); whole != nil {
			fmt.Fprintf(b, "| `%s` | %s | %s |\n", whole.path, whole.preset, s.doc)
			continue
		}
		for _, name := range keyNames(s.name) {
			k := findKey(s.name + "." + name)
			fmt.Fprintf(b, "| `%s` | `%s` | %s |\n", k.path, yamlText(k.value(c)), k.doc)
		}
		for _, part := range blocksIn(s.name) {
			fmt.Fprintf(b, "| `%s` | %s | %s |\n", part.path, part.preset, part.doc)
		}
	}
	return b.String()
}
