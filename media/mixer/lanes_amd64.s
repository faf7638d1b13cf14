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

// func peakLanes(frame *int16, n int) int
//
// The largest and the smallest sample are sought apart, because -32768 has no positive twin in 16 bits.  Both begin at 0, and the shifts
// that bring them together bring zeros in.
TEXT ·peakLanes(SB), NOSPLIT, $0-24
	MOVQ frame+0(FP), SI
	MOVQ n+8(FP), CX
	PXOR X0, X0
	PXOR X1, X1

peak:
	MOVOU   (SI), X2
	PMAXSW  X2, X0
	PMINSW  X2, X1
	ADDQ    $16, SI
	SUBQ    $8, CX
	JNZ     peak
	MOVO    X0, X2
	MOVO    X1, X3
	PSRLO   $8, X2
	PSRLO   $8, X3
	PMAXSW  X2, X0
	PMINSW  X3, X1
	MOVO    X0, X2
	MOVO    X1, X3
	PSRLO   $4, X2
	PSRLO   $4, X3
	PMAXSW  X2, X0
	PMINSW  X3, X1
	MOVO    X0, X2
	MOVO    X1, X3
	PSRLO   $2, X2
	PSRLO   $2, X3
	PMAXSW  X2, X0
	PMINSW  X3, X1
	MOVQ    X0, AX
	MOVQ    X1, BX
	MOVWQSX AX, AX
	MOVWQSX BX, BX
	NEGQ    BX
	CMPQ    AX, BX
	CMOVQLT BX, AX
	MOVQ    AX, ret+16(FP)
	RET

// OTHERS makes eight 32-bit floats of sum less own: x and hi.  a, b and c are overwritten.
#define OTHERS(sum, own, x, hi, a, b, c) \
	MOVOU    (own), a   \
	WIDEN(a, b, c)      \
	MOVOU    (sum), x   \
	MOVOU    16(sum), hi \
	PSUBL    a, x       \
	PSUBL    b, hi      \
	CVTPL2PS x, x       \
	CVTPL2PS hi, hi

// func reachLanes(reach *float32, sum *int32, own *int16, n int)
TEXT ·reachLanes(SB), NOSPLIT, $0-32
	MOVQ    reach+0(FP), DI
	MOVQ    sum+8(FP), BX
	MOVQ    own+16(FP), SI
	MOVQ    n+24(FP), CX
	PCMPEQL X7, X7
	PSRLL   $1, X7      // all but the sign

reach:
	OTHERS(BX, SI, X3, X4, X0, X1, X2)
	ANDPS  X7, X3
	ANDPS  X7, X4
	MOVUPS (DI), X5
	MOVUPS 16(DI), X6
	MAXPS  X5, X3
	MAXPS  X6, X4
	MOVUPS X3, (DI)
	MOVUPS X4, 16(DI)
	ADDQ   $16, SI
	ADDQ   $32, BX
	ADDQ   $32, DI
	SUBQ   $8, CX
	JNZ    reach
	RET

// func mostLanes(reach *float32, n int) float32
TEXT ·mostLanes(SB), NOSPLIT, $0-20
	MOVQ  reach+0(FP), SI
	MOVQ  n+8(FP), CX
	XORPS X0, X0
	XORPS X1, X1

most:
	MOVUPS (SI), X2
	MOVUPS 16(SI), X3
	MAXPS  X2, X0
	MAXPS  X3, X1
	ADDQ   $32, SI
	SUBQ   $8, CX
	JNZ    most
	MAXPS  X1, X0
	MOVHLPS X0, X1
	MAXPS  X1, X0
	MOVAPS X0, X1
	SHUFPS $1, X1, X1
	MAXSS  X1, X0
	MOVSS  X0, ret+16(FP)
	RET

// func shapeLanes(dst *int16, sum *int32, own *int16, gain *float32, n int)
TEXT ·shapeLanes(SB), NOSPLIT, $0-40
	MOVQ dst+0(FP), DI
	MOVQ sum+8(FP), BX
	MOVQ own+16(FP), SI
	MOVQ gain+24(FP), DX
	MOVQ n+32(FP), CX

shape:
	OTHERS(BX, SI, X3, X4, X0, X1, X2)
	MOVUPS    (DX), X5
	MOVUPS    16(DX), X6
	MULPS     X5, X3
	MULPS     X6, X4
	CVTTPS2PL X3, X3
	CVTTPS2PL X4, X4
	PACKSSLW  X4, X3
	MOVOU     X3, (DI)
	ADDQ      $16, SI
	ADDQ      $32, BX
	ADDQ      $32, DX
	ADDQ      $16, DI
	SUBQ      $8, CX
	JNZ       shape
	RET

DATA first<>+0(SB)/4, $1.0
DATA first<>+4(SB)/4, $2.0
DATA first<>+8(SB)/4, $3.0
DATA first<>+12(SB)/4, $4.0
GLOBL first<>(SB), RODATA|NOPTR, $16

DATA four<>+0(SB)/4, $4.0
DATA four<>+4(SB)/4, $4.0
DATA four<>+8(SB)/4, $4.0
DATA four<>+12(SB)/4, $4.0
GLOBL four<>(SB), RODATA|NOPTR, $16

// func rampLanes(frame *int16, n int, from, step float32)
//
// The gain is from and step times the number of the sample, worked out anew for each, so that no rounding adds up.
TEXT ·rampLanes(SB), NOSPLIT, $0-24
	MOVQ   frame+0(FP), SI
	MOVQ   n+8(FP), CX
	MOVSS  from+16(FP), X8
	MOVSS  step+20(FP), X9
	SHUFPS $0, X8, X8
	SHUFPS $0, X9, X9
	MOVUPS first<>(SB), X6
	MOVUPS four<>(SB), X7

ramp:
	MOVOU     (SI), X0
	WIDEN(X0, X1, X2)
	CVTPL2PS  X0, X0
	CVTPL2PS  X1, X1
	MOVAPS    X6, X3
	ADDPS     X7, X6
	MOVAPS    X6, X4
	ADDPS     X7, X6
	MULPS     X9, X3
	MULPS     X9, X4
	ADDPS     X8, X3
	ADDPS     X8, X4
	MULPS     X3, X0
	MULPS     X4, X1
	CVTTPS2PL X0, X0
	CVTTPS2PL X1, X1
	PACKSSLW  X1, X0
	MOVOU     X0, (SI)
	ADDQ      $16, SI
	SUBQ      $8, CX
	JNZ       ramp
	RET
