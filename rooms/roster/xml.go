package roster

import (
	"bytes"
	"encoding/xml"
)

const header = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"

// writer writes XML.
type writer struct{ bytes.Buffer }

// raw writes what is XML already.
func (w *writer) raw(texts ...string) {
	for _, text := range texts {
		w.WriteString(text)
	}
}

// attribute writes one, with a space before it.
func (w *writer) attribute(name, value string) {
	w.raw(" ", name, `="`)
	w.text(value)
	w.raw(`"`)
}

// element writes one with nothing but text in it; none if that is empty.
func (w *writer) element(name, text string) {
	if text == "" {
		return
	}
	w.raw("<", name, ">")
	w.text(text)
	w.raw("</", name, ">")
}

// text writes what may be anything: what XML cannot have becomes U+FFFD.
func (w *writer) text(text string) {
	_ = xml.EscapeText(w, []byte(text)) // a Buffer has no errors
}
