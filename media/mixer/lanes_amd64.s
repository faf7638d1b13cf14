#include "textflag.h"

// WIDEN makes eight 32-bit samples of the eight 16-bit ones in x: the first four in x, the others in hi.  sign is overwritten.
#define WIDEN(x, hi, sign) \
	MOVO      x, sign  \
	PSRAW     $15, sign \
	MOVO      x, hi    \
	PUNPCKLWL sign, x  \
	PUNPCKHWL sign, hi

// func addLanes(sum *int32, frame *int16, n int)
TEXT ·addLanes(SB), NOSPLIT, $0-24
	MOVQ sum+0(FP), DI
	MOVQ frame+8(FP), SI
	MOVQ n+16(FP), CX

add:
	MOVOU (SI), X0
	WIDEN(X0, X1, X2)
	MOVOU (DI), X3
	MOVOU 16(DI), X4
	PADDL X0, X3
	PADDL X1, X4
	MOVOU X3, (DI)
	MOVOU X4, 16(DI)
	ADDQ  $16, SI
	ADDQ  $32, DI
	SUBQ  $8, CX
	JNZ   add
	RET

// func minusLanes(dst *int16, sum *int32, own *int16, n int)
TEXT ·minusLanes(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ sum+8(FP), BX
	MOVQ own+16(FP), SI
	MOVQ n+24(FP), CX

minus:
	MOVOU    (SI), X0
	WIDEN(X0, X1, X2)
	MOVOU    (BX), X3
	MOVOU    16(BX), X4
	PSUBL    X0, X3
	PSUBL    X1, X4
	PACKSSLW X4, X3
	MOVOU    X3, (DI)
	ADDQ     $16, SI
	ADDQ     $32, BX
	ADDQ     $16, DI
	SUBQ     $8, CX
	JNZ      minus
	RET

// func saturateLanes(dst *int16, sum *int32, n int)
TEXT ·saturateLanes(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ sum+8(FP), BX
	MOVQ n+16(FP), CX

saturate:
	MOVOU    (BX), X3
	MOVOU    16(BX), X4
	PACKSSLW X4, X3
	MOVOU    X3, (DI)
	ADDQ     $32, BX
	ADDQ     $16, DI
	SUBQ     $8, CX
	JNZ      saturate
	RET

// func energyLanes(frame *int16, n int) uint64
//
// PMADDWL adds the squares of two neighbours: 2^31 at most, which is why its sums are taken for unsigned ones.
TEXT ·energyLanes(SB), NOSPLIT, $0-24
	MOVQ frame+0(FP), SI
	MOVQ n+8(FP), CX
	PXOR X5, X5
	PXOR X6, X6

energy:
	MOVOU     (SI), X0
	PMADDWL   X0, X0
	MOVO      X0, X1
	PUNPCKLLQ X5, X0
	PUNPCKHLQ X5, X1
	PADDQ     X0, X6
	PADDQ     X1, X6
	ADDQ      $16, SI
	SUBQ      $8, CX
	JNZ       energy
	MOVO      X6, X0
	PSRLO     $8, X0
	PADDQ     X0, X6
	MOVQ      X6, ret+16(FP)
	RET
