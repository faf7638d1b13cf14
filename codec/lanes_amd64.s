#include "textflag.h"

// Both laws are a floating-point number: a sign, three bits of exponent, four of mantissa.  So the processor's own conversion of integers
// to 32-bit floats, which is exact for 16 bits, finds the segment; the float's bits from 19 on are then the code word, but for the offset of the
// exponent (127, and the 7 of the first segment), and what each law does with its lowest segment and its signs.

// The constants, each for all lanes.
#define WORDS(name, value) \
	DATA name<>+0(SB)/8, $value; \
	DATA name<>+8(SB)/8, $value; \
	GLOBL name<>(SB), RODATA|NOPTR, $16

WORDS(exponent, 0x0860086008600860) // (127+7) << 4
WORDS(half, 0x0004000000040000)     // 1 << 18, in 32 bits: the middle of a step
WORDS(bias, 0x0084008400840084)     // 132, which mu-law adds to each size
WORDS(linear, 0x0100010001000100)   // 256: below it A-law has even steps
WORDS(step, 0x0010001000100010)     // 16: the first code word above
WORDS(size, 0x007f007f007f007f)
WORDS(sign, 0x0080008000800080)
WORDS(alaw, 0x00d500d500d500d5)     // what a code word is crossed with: every other bit, and a sign that is set where the sample is not negative
WORDS(ulaw, 0x00ff00ff00ff00ff)

// CODE makes code words of the eight sizes in x; hi is overwritten, X7 is zero.
#define CODE(x, hi) \
	MOVO      x, hi \
	PUNPCKLWL X7, x \
	PUNPCKHWL X7, hi \
	CVTPL2PS  x, x \
	CVTPL2PS  hi, hi \
	PSRLL     $19, x \
	PSRLL     $19, hi \
	PACKSSLW  hi, x \
	PSUBW     exponent<>(SB), x

// SIZE makes sizes of the eight code words in x: the middle of each step.  hi is overwritten, X7 is zero.
#define SIZE(x, hi) \
	PADDW     exponent<>(SB), x \
	MOVO      x, hi \
	PUNPCKLWL X7, x \
	PUNPCKHWL X7, hi \
	PSLLL     $19, x \
	PSLLL     $19, hi \
	POR       half<>(SB), x \
	POR       half<>(SB), hi \
	CVTTPS2PL x, x \
	CVTTPS2PL hi, hi \
	PACKSSLW  hi, x

// func alawEncodeLanes(dst *byte, frame *int16, n int)
TEXT ·alawEncodeLanes(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ frame+8(FP), SI
	MOVQ n+16(FP), CX
	PXOR X7, X7

encode:
	MOVOU    (SI), X0
	MOVO     X0, X1
	PSRAW    $15, X1
	PXOR     X1, X0            // the size: of -1 it is 0
	MOVO     X0, X2
	CODE(X2, X3)
	MOVO     linear<>(SB), X4
	PCMPGTW  X0, X4            // where the size is less
	PSRLW    $4, X0
	PAND     X4, X0
	PANDN    X2, X4
	POR      X0, X4
	PAND     sign<>(SB), X1
	PXOR     X1, X4
	PXOR     alaw<>(SB), X4
	PACKUSWB X4, X4
	MOVQ     X4, (DI)
	ADDQ     $16, SI
	ADDQ     $8, DI
	SUBQ     $8, CX
	JNZ      encode
	RET

// func ulawEncodeLanes(dst *byte, frame *int16, n int)
TEXT ·ulawEncodeLanes(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ frame+8(FP), SI
	MOVQ n+16(FP), CX
	PXOR X7, X7

encode:
	MOVOU    (SI), X0
	MOVO     X0, X1
	PSRAW    $15, X1
	PXOR     X1, X0
	PADDSW   bias<>(SB), X0    // what is too large becomes the largest
	CODE(X0, X3)
	PAND     sign<>(SB), X1
	PXOR     X1, X0
	PXOR     ulaw<>(SB), X0
	PACKUSWB X0, X0
	MOVQ     X0, (DI)
	ADDQ     $16, SI
	ADDQ     $8, DI
	SUBQ     $8, CX
	JNZ      encode
	RET

// func alawDecodeLanes(dst *int16, payload *byte, n int)
TEXT ·alawDecodeLanes(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ payload+8(FP), SI
	MOVQ n+16(FP), CX
	PXOR X7, X7

decode:
	MOVQ      (SI), X0
	PUNPCKLBW X7, X0
	PXOR      alaw<>(SB), X0
	MOVO      X0, X1
	PSLLW     $8, X1
	PSRAW     $15, X1           // where the sample is negative
	PAND      size<>(SB), X0
	MOVO      step<>(SB), X4
	PCMPGTW   X0, X4            // where the steps are even: as those of the next segment, less its beginning
	MOVO      X4, X5
	PAND      step<>(SB), X5
	PADDW     X5, X0
	PAND      linear<>(SB), X4
	SIZE(X0, X3)
	PSUBW     X4, X0
	PXOR      X1, X0
	PSUBW     X1, X0
	MOVOU     X0, (DI)
	ADDQ      $8, SI
	ADDQ      $16, DI
	SUBQ      $8, CX
	JNZ       decode
	RET

// func ulawDecodeLanes(dst *int16, payload *byte, n int)
TEXT ·ulawDecodeLanes(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ payload+8(FP), SI
	MOVQ n+16(FP), CX
	PXOR X7, X7

decode:
	MOVQ      (SI), X0
	PUNPCKLBW X7, X0
	PXOR      ulaw<>(SB), X0
	MOVO      X0, X1
	PSLLW     $8, X1
	PSRAW     $15, X1
	PAND      size<>(SB), X0
	SIZE(X0, X3)
	PSUBW     bias<>(SB), X0
	PXOR      X1, X0
	PSUBW     X1, X0
	MOVOU     X0, (DI)
	ADDQ      $8, SI
	ADDQ      $16, DI
	SUBQ      $8, CX
	JNZ       decode
	RET
