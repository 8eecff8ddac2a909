package app

import (
	"context"
	"errors"
)

func (e *env) demo(context.Context) error { return errors.New("being built") }
