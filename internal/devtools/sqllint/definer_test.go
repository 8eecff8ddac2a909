package main

import (
	"slices"
	"testing"
)

func TestUnpinned(t *testing.T) {
	t.Parallel()
	const exception = "ALTER FUNCTION s.f() SECURITY DEFINER;"
	for text, want := range map[string][]int{
		"LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp": nil,
		"\nLANGUAGE sql SECURITY DEFINER AS $$":                               {2},
		"SECURITY DEFINER SET search_path = public, pg_temp":                  {1},
		"security  definer":                   {1},
		"-- Within SECURITY DEFINER we are":   nil,
		"  " + exception:                      nil,
		"EXECUTE 'ALTER … SECURITY DEFINER';": {1},
	} {
		met := map[string]bool{}
		if got := unpinned(text, map[string]string{exception: "why"}, met); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
		if met[exception] != (text == "  "+exception) {
			t.Errorf("%q: exceptions met %v", text, met)
		}
	}
}
