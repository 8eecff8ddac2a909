package cli

import (
	"context"
	"fmt"
	"strings"
)

// checkRights looks at who owns what is in the schema and who has rights on it. What
// a DBA granted by name is told; what belongs to another installation is wrong.
func (x *examination) checkRights(ctx context.Context) []finding {
	i, outsiders, err := x.pool.Outsiders(ctx)
	if err != nil {
		return failed(err)
	}
	var foreign, known []string
	for _, s := range outsiders {
		where := s.First
		if s.Objects > 1 {
			where += fmt.Sprintf(" and %d more", s.Objects-1)
		}
		switch {
		case s.Owns:
			foreign = append(foreign, fmt.Sprintf("%s owns %s", s.Role, where))
		case s.Other:
			foreign = append(foreign, fmt.Sprintf("%s of another installation has %s on %s", s.Role, s.Rights, where))
		default:
			known = append(known, fmt.Sprintf("%s has %s on %s", s.Role, s.Rights, where))
		}
	}
	who := fmt.Sprintf("the roles %s…", i.RolePrefix)
	switch {
	case len(foreign) > 0:
		return wrong(strings.Join(append(foreign, known...), "; "), fmt.Sprintf("everything belongs to %sowner: ALTER … OWNER TO it, REVOKE the rest, then sespan migrate up", i.RolePrefix))
	case len(known) > 0:
		return warning("granted by name beside "+who+": "+strings.Join(known, "; "), "REVOKE what nobody needs any more")
	}
	return well("%s alone", who)
}
