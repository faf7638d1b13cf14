//go:build linux

package rig

import (
	"embed"
	"encoding/binary"
	"errors"
	"io/fs"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"text/template"

	"github.com/sipconf/sipconf/asterisk"
)

// The rest of an Asterisk around the drop-in files, as templates over settings.
//
//go:embed etc
var etc embed.FS

// defaults are the files that Asterisk's core misses aloud, though every setting in
// them has a default. They are written empty, so that a warning in a log means
// something.
var defaults = []string{
	"acl.conf", "ccss.conf", "cdr.conf", "cel.conf", "pjproject.conf", "udptl.conf",
}

// settings is what the templates in etc/ may name.
type settings struct {
	Options
	Dir                 string // the instance's folder, inside the chroot
	Triplet             string // Debian's name of the machine, such as x86_64-linux-gnu
	FirstPort, LastPort uint16
	SipconfHost         string
}

// configure fills the instance's folder: etc/ from the templates, etc/sipconf/ with
// the drop-in files byte for byte, the sounds and the music on hold, and empty folders.
func (a *Instance) configure() error {
	host := filepath.Join(a.root, a.dir)
	for _, sub := range []string{"etc/sipconf", "run", "spool", "log", "db", "moh", "sounds"} {
		if err := os.MkdirAll(filepath.Join(host, sub), 0o755); err != nil {
			return err
		}
	}
	s := settings{Options: a.opts, Dir: a.dir, FirstPort: a.opts.Ports.First, LastPort: a.opts.Ports.Last}
	if a.opts.Sipconf != "" {
		s.SipconfHost = netip.MustParseAddrPort(a.opts.Sipconf).Addr().String()
	}
	var err error
	if s.Triplet, err = triplet(a.root); err != nil {
		return err
	}
	if err := render(filepath.Join(host, "etc"), s); err != nil {
		return err
	}
	for _, name := range defaults {
		if err := os.WriteFile(filepath.Join(host, "etc", name), nil, 0o644); err != nil {
			return err
		}
	}
	if err := dropIn(filepath.Join(host, "etc", "sipconf")); err != nil {
		return err
	}
	for name, pcm := range a.opts.Sounds {
		if err := os.WriteFile(filepath.Join(host, "sounds", name+".sln"), sln(pcm), 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(host, "moh", "tone.sln"), sln(music()), 0o644)
}

func render(dir string, s settings) error {
	all, err := template.ParseFS(etc, "etc/*")
	if err != nil {
		return err
	}
	for _, one := range all.Templates() {
		f, err := os.Create(filepath.Join(dir, one.Name()))
		if err != nil {
			return err
		}
		if err := errors.Join(one.Execute(f, s), f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// dropIn copies the files of asterisk/conf, unchanged, as an operator does.
func dropIn(dir string) error {
	files, err := fs.Sub(asterisk.Conf, "conf")
	if err != nil {
		return err
	}
	names, err := fs.Glob(files, "*")
	if err != nil {
		return err
	}
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// triplet finds out in which folder Debian keeps the modules on this architecture.
func triplet(root string) (string, error) {
	found, err := filepath.Glob(filepath.Join(root, "usr/lib/*/asterisk/modules/chan_pjsip.so"))
	if err != nil || len(found) == 0 {
		return "", errors.Join(errors.New("no chan_pjsip.so in the chroot"), err)
	}
	return filepath.Base(filepath.Dir(filepath.Dir(filepath.Dir(found[0])))), nil
}

// Music is the frequency, in Hz, of an instance's music on hold: a pure tone, so that
// a test can tell whether it got into a room. MusicLevel is its level in dBFS, where a
// sine with a peak of 32767 is 0.
const (
	Music      = 1900
	MusicLevel = -12.0
)

// music is ten seconds of that tone, a whole number of periods, so it loops without a click.
func music() []int16 {
	peak := 32767 * math.Pow(10, MusicLevel/20)
	pcm := make([]int16, 10*8000)
	for i := range pcm {
		pcm[i] = int16(peak * math.Sin(2*math.Pi*Music*float64(i)/8000))
	}
	return pcm
}

// sln is Asterisk's format of that name: 16 bits, little-endian, 8000 Hz, no header.
func sln(pcm []int16) (out []byte) {
	for _, sample := range pcm {
		out = binary.LittleEndian.AppendUint16(out, uint16(sample))
	}
	return out
}
