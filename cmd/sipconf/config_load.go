package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// defaultConfigFile is read when no file is named, if it is there.
const defaultConfigFile = "config.yaml"

// maxConfigFile is the most that is read of a configuration, in bytes.  It keeps a wrong --config
// (a recording, a core dump) from being taken apart as YAML.
const maxConfigFile = 1 << 20

// configFlag is the --config of the commands that read a configuration.
type configFlag struct {
	Config string `help:"The configuration to read. Without it config.yaml, if there is one here." placeholder:"FILE" env:"SIPCONF_CONFIG"`
}

// load reads the configuration that the command line asks for.  Its warnings are for the reader to
// pass on.  err is faults when the configuration is wrong, else it says why it could not be read.
func (f configFlag) load(environ []string) (c *Config, warnings faults, err error) {
	name, text, err := f.read()
	if err != nil {
		return nil, nil, err
	}
	c, all := parseConfig(name, text, environ)
	warnings, wrong := all.split()
	if len(wrong) > 0 {
		return nil, warnings, wrong
	}
	return c, warnings, nil
}

// read returns the file's name and text.  The name is empty when there is no file, which only a
// file that was named may not do.
func (f configFlag) read() (name string, text []byte, err error) {
	name = f.Config
	if name == "" {
		name = defaultConfigFile
	}
	info, err := os.Stat(name)
	switch {
	case err != nil && f.Config == "" && errors.Is(err, fs.ErrNotExist):
		return "", nil, nil
	case err != nil:
		return "", nil, fmt.Errorf("reading the configuration: %w", err)
	case info.Size() > maxConfigFile:
		return "", nil, fmt.Errorf("%s is no configuration: it has %d bytes", name, info.Size())
	}
	text, err = os.ReadFile(name)
	if err != nil {
		return "", nil, fmt.Errorf("reading the configuration: %w", err)
	}
	return name, text, nil
}

// parseConfig makes a configuration of the text of a file and of an environment.  name is what the
// faults call the file.  It returns every fault there is, in the order of the file; with a fault
// that is not a warning, the Config is not to be used.
func parseConfig(name string, text []byte, environ []string) (*Config, faults) {
	r := &configReader{file: name, config: defaultConfig(), seen: map[string]place{}, wrong: map[string]bool{}}
	r.readFile(text)
	r.readEnviron(environ)
	r.check()
	r.faults.sort()
	return r.config, r.faults
}

// A configReader fills a Config and remembers where each key was set, for the checks that come
// after and look at several keys at once.
type configReader struct {
	file   string
	config *Config
	seen   map[string]place // the keys that were set, and where; list elements as sip.listen[1]
	wrong  map[string]bool  // the keys that have a fault, and so hold their default or only a part
	faults faults
}

func (r *configReader) fault(at place, path, format string, args ...any) {
	r.faults = append(r.faults, fault{place: at, path: path, text: fmt.Sprintf(format, args...)})
}

func (r *configReader) warning(at place, path, format string, args ...any) {
	r.faults = append(r.faults, fault{place: at, path: path, text: fmt.Sprintf(format, args...), warning: true})
}
