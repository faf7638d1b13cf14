#include "textflag.h"

// func Lines(p unsafe.Pointer, from, n uintptr)
TEXT ·Lines(SB), NOSPLIT, $0-24
	MOVQ p+0(FP), AX
	ADDQ from+8(FP), AX
	MOVQ n+16(FP), CX
	ADDQ AX, CX  // the end
	ANDQ $~63, AX

line:
	PREFETCHT0 (AX)
	ADDQ $64, AX
	CMPQ AX, CX
	JLT  line
	RET
