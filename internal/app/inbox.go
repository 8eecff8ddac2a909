package app

import (
	"context"
	"errors"
)

func (e *env) inbox(context.Context) error { return errors.New("being built") }
