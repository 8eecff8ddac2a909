package otp

import (
	"math"
	"strconv"
)

// textOn gives black or white, whichever is easier to read on a colour #rrggbb: the
// one with the larger contrast ratio of WCAG 2.2 (relative luminance, 1.4.3).
func textOn(color string) string {
	var luminance float64
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		if len(color) != 7 {
			return "#ffffff"
		}
		part, err := strconv.ParseUint(color[1+2*i:3+2*i], 16, 8)
		if err != nil {
			return "#ffffff"
		}
		c := float64(part) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		luminance += weight * c
	}
	if luminance > 0.179 { // where both contrasts are equal
		return "#000000"
	}
	return "#ffffff"
}
