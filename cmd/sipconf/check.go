package main

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/sipconf/sipconf/prompts"
)

// checkCmd is `sipconf check`.
type checkCmd struct {
	configFlag
	Print bool `help:"Print the settings in effect, as a config.yaml, with what comes from the environment. A password is printed as xxxxx."`
}

func (c *checkCmd) Help() string {
	return `Each fault is one line: file, line, column, key, what is wrong and what would be right. ` +
		`The exit status is 1 if there is a fault, and 0 if there are none or only warnings.`
}

// Run writes the faults to stderr, so that stdout has nothing but the answer.
func (c *checkCmd) Run(p *process) error {
	config, warnings, err := c.load(p.environ)
	if err == nil {
		err = promptsTrouble(config)
	}
	if err == nil {
		warnings = append(warnings, groupsTrouble(config, p.trouble)...)
		warnings = append(warnings, recordingsTrouble(config)...)
		warnings = append(warnings, ctlTrouble(config)...)
	}
	for _, warning := range warnings {
		fmt.Fprintln(p.stderr, warning)
	}
	var wrong faults
	switch {
	case errors.As(err, &wrong):
		fmt.Fprintln(p.stderr, wrong)
		return errSilent
	case err != nil:
		return err
	case c.Print:
		return writeConfig(p.stdout, config.withoutPasswords(), false)
	}
	what := "The configuration is good"
	if name, _, _ := c.read(); name == "" {
		what = "There is no " + defaultConfigFile + " here, so every setting has its default, or comes from the environment"
	}
	_, err = fmt.Fprintf(p.stdout, "%s: sipconf would listen on %s, with RTP on UDP ports %s.\n",
		what, enumerate(config.SIP.Listen), portsForm.write(config.Media.Ports))
	return err
}

// promptsTrouble is what is wrong with the folder of the operator's recordings, as faults.
func promptsTrouble(cfg *Config) error {
	_, err := prompts.Load(cfg.Prompts.Folder, slog.New(slog.DiscardHandler))
	if err == nil {
		return nil
	}
	all := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		all = joined.Unwrap()
	}
	var wrong faults
	for _, one := range all {
		wrong = append(wrong, fault{path: "prompts.folder", text: one.Error()})
	}
	return wrong
}

// enumerate is "a, b and c".
func enumerate(listen []listener) string {
	var b strings.Builder
	for i, l := range listen {
		switch {
		case i == 0:
		case i == len(listen)-1:
			b.WriteString(" and ")
		default:
			b.WriteString(", ")
		}
		b.WriteString(l.String())
	}
	return b.String()
}
