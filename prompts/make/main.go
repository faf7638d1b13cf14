// Command make speaks the prompts: it makes the WAV files in prompts/en and prompts/ru of the table of texts.
//
//	go run ./prompts/make [-folder prompts]
//
// It needs espeak-ng and no network. Each file keeps in itself what was spoken and by what, so that a test can tell a
// text that was changed from one that was spoken since.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	folder := flag.String("folder", "prompts", "where the folders of the languages are")
	flag.Parse()
	if err := speakAll(*folder); err != nil {
		fmt.Fprintln(os.Stderr, "prompts/make:", err)
		os.Exit(1)
	}
}
