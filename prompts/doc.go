// Package prompts is what sipconf says, in English and Russian: short recordings in memory, and the grammar that makes
// sentences of them. It knows no rooms and no calls, and plays nothing: it hands out frames.
//
// Words, smallest to largest: a prompt is one recording with a [Name], the same in every language; a [Part] is something
// to be said, which is a prompt, the digits of a number, a count, a pause or a [Phrase] of parts; [Set.Say] makes of parts
// the frames of 20 ms that a mix plays one after the other. The phrases of this package ([Here], [Invitation],
// [GroupResult] and others) are the sentences that the server says, so that nobody else needs to know grammar.
//
// The recordings are in the binary: en/*.wav and ru/*.wav, which the command prompts/make speaks from the table in
// texts.go with espeak-ng. A folder of the operator's can replace each of them; docs/prompts.md.
//
// A [Set] and all that it hands out never changes and is shared: whoever plays it must not write to it. What says
// something allocates; what plays it does not.
package prompts
