module example.com/synapseagent-conformance

go 1.24.0

require example.com/synapseagent v0.0.0

require (
	github.com/apapsch/go-jsonmerge/v2 v2.0.0 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/oapi-codegen/runtime v1.8.0 // indirect
)

// Where the client is made.
replace example.com/synapseagent => ../../../build/clients/go
