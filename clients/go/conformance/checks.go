package main

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	api "example.com/synapseagent"
)

// checks makes the scenario's checks one after the other, prints a line for each, and counts them.
type checks struct {
	passed, failed int
}

// run makes a check, which has a minute. What a check takes from one that failed is not there: it panics, and fails too.
func (c *checks) run(ctx context.Context, name string, check func(ctx context.Context) error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := guarded(ctx, check); err != nil {
		c.failed++
		fmt.Printf("FAILED %s: %q\n", name, err.Error())
		return
	}
	c.passed++
	fmt.Printf("ok %s\n", name)
}

// close prints how many checks passed, and returns the exit code.
func (c *checks) close() int {
	fmt.Printf("conformance: %d passed, %d failed\n", c.passed, c.failed)
	if c.failed > 0 {
		return 1
	}
	return 0
}

func guarded(ctx context.Context, check func(ctx context.Context) error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v", cause)
		}
	}()
	return check(ctx)
}

// answer is what every operation returns: the contract has the same errors for all of them.
type answer interface {
	StatusCode() int
	GetJSON401() *api.ErrorBody
	GetJSON403() *api.ErrorBody
	GetJSON404() *api.ErrorBody
	GetJSON409() *api.ErrorBody
	GetJSON422() *api.ErrorBody
	GetJSON429() *api.ErrorBody
	GetJSON503() *api.ErrorBody
	GetJSONDefault() *api.ErrorBody
}

// refused returns what an answer says went wrong. It is an error if the answer has another status, or does not say.
func refused(got answer, status int) (api.ErrorDetail, error) {
	if got.StatusCode() != status {
		return api.ErrorDetail{}, fmt.Errorf("it was answered %d, not %d", got.StatusCode(), status)
	}
	for _, body := range []*api.ErrorBody{
		got.GetJSON401(), got.GetJSON403(), got.GetJSON404(), got.GetJSON409(),
		got.GetJSON422(), got.GetJSON429(), got.GetJSON503(), got.GetJSONDefault(),
	} {
		if body != nil {
			return body.Detail, nil
		}
	}
	return api.ErrorDetail{}, errors.New("the error has no body")
}

func equal(what string, got, want any) error {
	if !reflect.DeepEqual(got, want) {
		return fmt.Errorf("%s is %#v, not %#v", what, got, want)
	}
	return nil
}

func holds(what string, ok bool) error {
	if !ok {
		return errors.New("not so: " + what)
	}
	return nil
}
