package kafka

func consumerAsked() bool   { return false }
func consumeForParent() int { return 0 }
