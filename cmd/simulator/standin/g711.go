package standin

import "math/bits"

// G.711 as ITU-T G.711 defines it: a sign, three bits of segment, four of step.

var decodeMuLaw, decodeALaw = func() (mu, a [256]int16) {
	for i := range 256 {
		mu[i], a[i] = muLawSample(byte(i)), aLawSample(byte(i))
	}
	return mu, a
}()

const (
	muLawBias = 0x84  // added before the segment is sought, so that segments are powers of two
	muLawClip = 32635 // the largest magnitude that stays in 15 bits with the bias
)

func encodeMuLaw(s int16) byte {
	v, sign := int(s), byte(0)
	if v < 0 {
		v, sign = -v, 0x80
	}
	v = min(v, muLawClip) + muLawBias
	segment := bits.Len(uint(v)) - 8
	return ^(sign | byte(segment)<<4 | byte(v>>(segment+3))&0x0f)
}

func muLawSample(b byte) int16 {
	b = ^b
	v := (int(b&0x0f)<<3+muLawBias)<<(b>>4&7) - muLawBias
	if b&0x80 != 0 {
		return int16(-v)
	}
	return int16(v)
}

func encodeALaw(s int16) byte {
	v, sign := int(s)>>3, byte(0x80) // 13 bits, positive marked
	if v < 0 {
		v, sign = -v-1, 0
	}
	segment := max(bits.Len(uint(v))-5, 0)
	step := v >> 1
	if segment > 0 {
		step = v >> segment
	}
	return (sign | byte(segment)<<4 | byte(step)&0x0f) ^ 0x55
}

func aLawSample(b byte) int16 {
	b ^= 0x55
	segment, v := b>>4&7, int(b&0x0f)<<4+8
	if segment > 0 {
		v = (v + 0x100) << (segment - 1)
	}
	if b&0x80 == 0 {
		return int16(-v)
	}
	return int16(v)
}
