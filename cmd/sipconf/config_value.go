package main

// A value is the place in a Config, or in a record of it, that a key fills.  A scalar takes one text; a list takes one for
// each of its elements.
type value interface {
	isList() bool
	form() (name string, quoted bool)
	clear()                  // makes a list empty; does nothing to a scalar
	parse(text string) error // sets a scalar, adds to a list; leaves both as they are on an error
	texts() []string         // what the place holds, as parse takes it
}

// one is the place of a scalar in a C: the Config, or a record in a list of it.
func one[C, T any](f form[T], place func(*C) *T) func(*C) value {
	return func(c *C) value { return scalar[T]{f, place(c)} }
}

// many is the place of a list in a C.
func many[C, T any](f form[T], place func(*C) *[]T) func(*C) value {
	return func(c *C) value { return list[T]{f, place(c)} }
}

type scalar[T any] struct {
	as form[T]
	to *T
}

func (s scalar[T]) isList() bool         { return false }
func (s scalar[T]) form() (string, bool) { return s.as.name, s.as.quoted }
func (s scalar[T]) clear()               {}
func (s scalar[T]) texts() []string      { return []string{s.as.write(*s.to)} }

func (s scalar[T]) parse(text string) error {
	parsed, err := s.as.parse(text)
	if err == nil {
		*s.to = parsed
	}
	return err
}

type list[T any] struct {
	as form[T]
	to *[]T
}

func (l list[T]) isList() bool         { return true }
func (l list[T]) form() (string, bool) { return l.as.name, l.as.quoted }
func (l list[T]) clear()               { *l.to = nil }

func (l list[T]) texts() []string {
	var texts []string
	for _, element := range *l.to {
		texts = append(texts, l.as.write(element))
	}
	return texts
}

func (l list[T]) parse(text string) error {
	parsed, err := l.as.parse(text)
	if err == nil {
		*l.to = append(*l.to, parsed)
	}
	return err
}
