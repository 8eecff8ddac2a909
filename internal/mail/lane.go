package mail

// Lane is a way of its own through a broker, so that what is urgent does not stand
// behind what is not. Within a lane the order of the announcements is that of priority.
type Lane int

// The closed list of lanes, the urgent one first.
const (
	LaneUrgent Lane = iota // priorities 0 to 3: codes, resets of passwords
	LaneNormal             // priorities 4 to 6: what Django sends
	LaneBulk               // priorities 7 to 9: newsletters

	Lanes = 3
)

// LaneOf gives the lane of a priority, as sespan.mail_lane does.
func LaneOf(priority int) Lane {
	switch {
	case priority <= 3:
		return LaneUrgent
	case priority <= 6:
		return LaneNormal
	default:
		return LaneBulk
	}
}

// leastUrgent is the lane's last priority.
func (l Lane) leastUrgent() int { return 3 * (int(l) + 1) }

// String is the lane's name in queues, topics, metrics and logs.
func (l Lane) String() string {
	switch l {
	case LaneUrgent:
		return "urgent"
	case LaneNormal:
		return "normal"
	default:
		return "bulk"
	}
}
