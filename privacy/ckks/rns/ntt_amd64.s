//go:build amd64 && !purego

#include "textflag.h"

#define DOWN8 ·down8IFMA(SB)
#define DOWN4 ·down4IFMA(SB)
#define TAIL  ·tailIFMA(SB)
#define HEAD  ·headIFMA(SB)
#define UP8   ·up8IFMA(SB)
#define UP4   ·up4IFMA(SB)
#define LAST8 ·last8IFMA(SB)
#define LAST4 ·last4IFMA(SB)
#include "butterflies_amd64.h"
