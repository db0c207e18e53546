// The conformance scenario with the generated Go client.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strings"

	api "example.com/synapseagent"
)

const (
	release        = "my_plugin@1.0.0"
	scriptedID     = "0123456789ab"
	scriptedStatus = "hibernating"
)

var (
	params = map[string]any{
		"input":  "data",
		"nested": map[string]any{"list": []any{1.0, 2.5, true, nil}},
		"text":   "ä漢🚀",
	}
	metadata = map[string]any{"created_by": "conformance"}
	labels   = []string{"production", "ml-model"}
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(scenario(ctx))
}

// connect returns a client of an agent, with a token or, if that is empty, without.
func connect(url, token string) *api.ClientWithResponses {
	authorize := func(_ context.Context, request *http.Request) error {
		if token != "" {
			request.Header.Set("Authorization", token)
		}
		return nil
	}
	client, err := api.NewClientWithResponses(url, api.WithRequestEditorFn(authorize))
	if err != nil {
		panic(err)
	}
	return client
}

func scenario(ctx context.Context) int {
	url := os.Getenv("SYNAPSE_AGENT_URL")
	client, scripted := connect(url, os.Getenv("SYNAPSE_AGENT_TOKEN")), connect(os.Getenv("SYNAPSE_SCRIPTED_URL"), "")
	made := &checks{}
	check := func(name string, body func(ctx context.Context) error) { made.run(ctx, name, body) }
	var first, second *api.DockerContainer

	check("no token", func(ctx context.Context) error {
		got, err := connect(url, "").ListDockerContainersWithResponse(ctx)
		if err != nil {
			return err
		}
		_, err = refused(got, http.StatusUnauthorized)
		return err
	})

	check("wrong token", func(ctx context.Context) error {
		got, err := connect(url, "wrong").ListDockerContainersWithResponse(ctx)
		if err != nil {
			return err
		}
		detail, err := refused(got, http.StatusUnauthorized)
		if err != nil {
			return err
		}
		text, err := detail.AsErrorText()
		return errors.Join(err, holds("the detail is not empty", text != ""))
	})

	check("list", func(ctx context.Context) error {
		// A client may be shared: eight ask at once, for the race detector to see.
		const askers = 8
		failed := make(chan error)
		for range askers {
			go func() {
				got, err := client.ListDockerContainersWithResponse(ctx)
				if err == nil {
					err = equal("the list", *got.JSON200, []api.DockerContainer{})
				}
				failed <- err
			}()
		}
		var err error
		for range askers {
			err = errors.Join(err, <-failed)
		}
		return err
	})

	check("create", func(ctx context.Context) error {
		got, err := client.CreateDockerContainerWithResponse(ctx, api.CreateDockerContainerRequest{
			PluginRelease: release,
			Params:        params,
			Envs:          map[string]string{"DEBUG": "true"},
			Metadata:      metadata,
			Labels:        labels,
		})
		if err != nil {
			return err
		}
		first = got.JSON201
		return errors.Join(
			equal("docker_id", first.DockerID, first.ID),
			equal("plugin_release", *first.PluginRelease, release),
			equal("labels", first.Labels, labels),
		)
	})

	check("get", func(ctx context.Context) error {
		got, err := client.GetDockerContainerWithResponse(ctx, first.DockerID)
		if err != nil {
			return err
		}
		return errors.Join(
			equal("running", got.JSON200.Running, true),
			equal("status", got.JSON200.Status, "running"),
			holds("the endpoint is of this machine", strings.HasPrefix(*got.JSON200.Endpoint, "http://127.0.0.1:")),
		)
	})

	check("record", func(ctx context.Context) error {
		got, err := client.GetContainerWithResponse(ctx, *first.RecordID)
		if err != nil {
			return err
		}
		return errors.Join(
			equal("params", got.JSON200.Params, params),
			equal("metadata", got.JSON200.Metadata, metadata),
			equal("labels", got.JSON200.Labels, labels),
		)
	})

	check("one segment", func(ctx context.Context) error {
		const name = "a/b?c#d é漢"
		got, err := client.GetDockerContainerWithResponse(ctx, name)
		if err != nil {
			return err
		}
		detail, err := refused(got, http.StatusNotFound)
		if err != nil {
			return err
		}
		text, err := detail.AsErrorText()
		return errors.Join(err, holds(text+" has the name", strings.Contains(text, name)))
	})

	check("two pages", func(ctx context.Context) error {
		created, err := client.CreateDockerContainerWithResponse(ctx, api.CreateDockerContainerRequest{PluginRelease: release})
		if err != nil {
			return err
		}
		second = created.JSON201
		page := func(number int) (*api.ContainerPage, error) {
			got, err := client.ListContainersWithResponse(ctx, &api.ListContainersParams{
				PluginRelease: pointer(release), PageSize: pointer(1), Page: &number,
			})
			if err != nil {
				return nil, err
			}
			return got.JSON200, nil
		}
		page1, err := page(1)
		if err != nil {
			return err
		}
		page2, err := page(2)
		if err != nil {
			return err
		}
		return errors.Join(
			equal("page 1", ids(page1), []int{*second.RecordID}),
			equal("count", *page1.Count, 2),
			holds("page 1 has a next", *page1.Next != ""),
			equal("page 2", ids(page2), []int{*first.RecordID}),
			equal("next of page 2", page2.Next, (*string)(nil)),
		)
	})

	check("filter", func(ctx context.Context) error {
		for status, count := range map[string]int{"running": 2, "stopped": 0} {
			got, err := client.ListContainersWithResponse(ctx, &api.ListContainersParams{Status: &status})
			if err != nil {
				return err
			}
			if err := equal(status, len(got.JSON200.Results), count); err != nil {
				return err
			}
		}
		return nil
	})

	check("another filter", func(ctx context.Context) error {
		got, err := client.ListContainersWithResponse(ctx, &api.ListContainersParams{
			Filters: map[string]any{"docker_id": first.DockerID},
		})
		if err != nil {
			return err
		}
		return equal("the page", ids(got.JSON200), []int{*first.RecordID})
	})

	check("update", func(ctx context.Context) error {
		updated, err := client.UpdateContainerWithResponse(ctx, *second.RecordID, api.UpdateContainerRequest{Status: "stopped"})
		if err != nil {
			return err
		}
		got, err := client.GetContainerWithResponse(ctx, *second.RecordID)
		if err != nil {
			return err
		}
		return errors.Join(
			equal("the answer's status", updated.JSON200.Status, "stopped"),
			equal("the record's status", got.JSON200.Status, "stopped"),
		)
	})

	check("invalid", func(ctx context.Context) error {
		got, err := client.CreateDockerContainerWithResponse(ctx, api.CreateDockerContainerRequest{PluginRelease: "no-version"})
		if err != nil {
			return err
		}
		detail, err := refused(got, http.StatusUnprocessableEntity)
		if err != nil {
			return err
		}
		fields, err := detail.AsFieldErrors()
		if err != nil {
			return err
		}
		var where []string
		for _, part := range fields[0].Loc {
			name, err := part.AsFieldName()
			if err != nil {
				return err
			}
			where = append(where, name)
		}
		return errors.Join(
			equal("loc", where, []string{"body", "plugin_release"}),
			holds("it has a type and a text", fields[0].Type != "" && fields[0].Msg != ""),
		)
	})

	check("logs", func(ctx context.Context) error {
		got, err := client.GetDockerContainerLogsWithResponse(ctx, first.DockerID, &api.GetDockerContainerLogsParams{Tail: pointer(1)})
		if err != nil {
			return err
		}
		return errors.Join(
			equal("the answer's status", got.StatusCode(), http.StatusOK),
			holds("it is one line", strings.Count(strings.TrimSuffix(string(got.Body), "\n"), "\n") == 0),
		)
	})

	check("unknown fields", func(ctx context.Context) error {
		container, err := only(scripted.ListDockerContainersWithResponse(ctx))
		if err != nil {
			return err
		}
		return errors.Join(
			equal("docker_id", container.DockerID, scriptedID),
			equal("running", container.Running, false),
			// What the contract does not know is kept.
			equal("region", container.AdditionalProperties["region"], "eu-north"),
		)
	})

	check("unknown status", func(ctx context.Context) error {
		container, err := only(scripted.ListDockerContainersWithResponse(ctx))
		if err != nil {
			return err
		}
		return equal("status", container.Status, scriptedStatus)
	})

	check("null optionals", func(ctx context.Context) error {
		container, err := only(scripted.ListDockerContainersWithResponse(ctx))
		if err != nil {
			return err
		}
		got, err := scripted.GetContainerWithResponse(ctx, 7)
		if err != nil {
			return err
		}
		record := *got.JSON200
		record.AdditionalProperties = nil
		return errors.Join(
			holds("every optional of the container is nil", container.Name == nil && container.Image == nil &&
				container.Endpoint == nil && container.PluginRelease == nil && container.Labels == nil &&
				container.CreatedAt == nil && container.RecordID == nil && container.ExitCode == nil),
			equal("the record", record, api.Container{ID: 7, PluginRelease: release, Status: scriptedStatus}),
		)
	})

	check("unknown fields in a page", func(ctx context.Context) error {
		got, err := scripted.ListContainersWithResponse(ctx, nil)
		if err != nil {
			return err
		}
		return errors.Join(
			equal("count", got.JSON200.Count, (*int)(nil)),
			equal("the page", ids(got.JSON200), []int{7}),
			equal("status", got.JSON200.Results[0].Status, scriptedStatus),
			equal("region", got.JSON200.AdditionalProperties["region"], "eu-north"),
		)
	})

	check("too many requests", func(ctx context.Context) error {
		got, err := scripted.GetDockerContainerWithResponse(ctx, scriptedID)
		if err != nil {
			return err
		}
		detail, err := refused(got, http.StatusTooManyRequests)
		if err != nil {
			return err
		}
		text, err := detail.AsErrorText()
		return errors.Join(
			err,
			equal("detail", text, "Too many requests."),
			equal("Retry-After", *got.Headers429.RetryAfter, "7"),
		)
	})

	check("delete", func(ctx context.Context) error {
		got, err := client.DeleteDockerContainerWithResponse(ctx, first.DockerID)
		if err != nil {
			return err
		}
		return errors.Join(
			equal("the answer's status", got.StatusCode(), http.StatusNoContent),
			equal("the answer", len(got.Body), 0),
		)
	})

	check("delete again", func(ctx context.Context) error {
		got, err := client.DeleteDockerContainerWithResponse(ctx, first.DockerID)
		if err != nil {
			return err
		}
		_, err = refused(got, http.StatusNotFound)
		return err
	})

	check("delete record", func(ctx context.Context) error {
		deleted, err := client.DeleteContainerWithResponse(ctx, *second.RecordID)
		if err != nil {
			return err
		}
		got, err := client.GetContainerWithResponse(ctx, *second.RecordID)
		if err != nil {
			return err
		}
		_, err = refused(got, http.StatusNotFound)
		return errors.Join(err, equal("the answer's status", deleted.StatusCode(), http.StatusNoContent))
	})

	return made.close()
}

// only returns the one container of a list.
func only(got *api.ListDockerContainersResponse, err error) (*api.DockerContainer, error) {
	if err != nil {
		return nil, err
	}
	if got.JSON200 == nil || len(*got.JSON200) != 1 {
		return nil, fmt.Errorf("it was answered %s, or is not one container", got.Status())
	}
	return &(*got.JSON200)[0], nil
}

func ids(page *api.ContainerPage) []int {
	found := []int{}
	for _, record := range page.Results {
		found = append(found, record.ID)
	}
	return found
}

func pointer[T any](value T) *T {
	return &value
}
