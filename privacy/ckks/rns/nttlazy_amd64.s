//go:build amd64 && !purego

#include "textflag.h"

#define LAZY
#define DOWN8 ·down8LazyIFMA(SB)
#define DOWN4 ·down4LazyIFMA(SB)
#define TAIL  ·tailLazyIFMA(SB)
#define HEAD  ·headLazyIFMA(SB)
#define UP8   ·up8LazyIFMA(SB)
#define UP4   ·up4LazyIFMA(SB)
#define LAST8 ·last8LazyIFMA(SB)
#define LAST4 ·last4LazyIFMA(SB)
#include "butterflies_amd64.h"
