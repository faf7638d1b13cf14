package dialout

// Reaches says whether a number may be dialled over the trunk of that name, or over any if it is empty, for those who configure what is
// dialled later. The cause is empty if it may, and else BadNumber, TooLong, Loop, NotAllowed or NoTrunk. It must have passed Check.
func (cfg Config) Reaches(number, trunk string) Cause {
	rules, trunks, err := cfg.compile()
	if err != nil {
		return Broken
	}
	number, cause := rules.Check(number)
	if cause != "" {
		return cause
	}
	ways, cause := (&Dialer{rules: rules, trunks: trunks}).routes(number, trunk)
	if len(ways) > 0 {
		return ""
	}
	return cause
}
