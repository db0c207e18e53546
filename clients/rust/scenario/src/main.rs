//! The conformance scenario with the Rust client.

mod checks;

use std::{env, process::ExitCode};

use anyhow::{Context, Result, bail, ensure};
use checks::Checks;
use futures_util::TryStreamExt;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, RETRY_AFTER};
use serde_json::{Map, Value, json};
use synapse_agent_api::{
    Client, Error, ResponseValue,
    types::{
        CreateDockerContainerRequest, DockerContainer, ErrorBody, ErrorBodyDetail, FieldErrorLocItem,
        UpdateContainerRequest,
    },
};

const RELEASE: &str = "my_plugin@1.0.0";

type Answer<T> = Result<ResponseValue<T>, Error<ErrorBody>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode> {
    let url = env::var("SYNAPSE_AGENT_URL")?;
    let agent = client(&url, Some(&env::var("SYNAPSE_AGENT_TOKEN")?))?;
    let scripted = client(&env::var("SYNAPSE_SCRIPTED_URL")?, None)?;
    let mut checks = Checks::default();

    checks
        .check("no token", async {
            refused(client(&url, None)?.list_docker_containers().send().await, 401)?;
            Ok(())
        })
        .await;

    checks
        .check("wrong token", async {
            let error = refused(client(&url, Some("wrong"))?.list_docker_containers().send().await, 401)?;
            ensure!(!text(&error)?.is_empty());
            Ok(())
        })
        .await;

    checks
        .check("list", async {
            ensure!(agent.list_docker_containers().send().await?.is_empty());
            Ok(())
        })
        .await;

    let params = object(json!({"input": "data", "nested": {"list": [1, 2.5, true, null]}, "text": "ä漢🚀"}));
    let metadata = object(json!({"created_by": "conformance"}));
    let labels = vec!["production".to_owned(), "ml-model".to_owned()];
    let first = checks
        .check("create", async {
            let request = CreateDockerContainerRequest::builder()
                .plugin_release(RELEASE)
                .params(params.clone())
                .envs([("DEBUG".to_owned(), "true".to_owned())])
                .metadata(metadata.clone())
                .labels(labels.clone());
            let container = agent.create_docker_container().body(request).send().await?.into_inner();
            ensure!(container.docker_id == container.id);
            ensure!(container.plugin_release.as_deref() == Some(RELEASE));
            ensure!(container.labels.as_ref() == Some(&labels));
            Ok(container)
        })
        .await;
    let first = || first.as_ref().context("the first container was not created");

    checks
        .check("get", async {
            let found = agent.get_docker_container().container_id(first()?.docker_id.clone()).send().await?;
            ensure!(found.running && found.status == "running");
            ensure!(found.endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://127.0.0.1:")));
            Ok(())
        })
        .await;

    checks
        .check("record", async {
            let record = agent.get_container().container_id(number(first()?)?).send().await?;
            ensure!(record.params.as_ref() == Some(&params));
            ensure!(record.metadata.as_ref() == Some(&metadata));
            ensure!(record.labels.as_ref() == Some(&labels));
            Ok(())
        })
        .await;

    checks
        .check("one segment", async {
            let name = "a/b?c#d é漢";
            let error = refused(agent.get_docker_container().container_id(name).send().await, 404)?;
            ensure!(text(&error)?.contains(name), "{error:?}");
            Ok(())
        })
        .await;

    let second = checks
        .check("two pages", async {
            let request = CreateDockerContainerRequest::builder().plugin_release(RELEASE);
            let second = agent.create_docker_container().body(request).send().await?.into_inner();
            let records = || agent.list_containers().plugin_release(RELEASE).page_size(1);
            let page = records().page(1).send().await?;
            ensure!(page.results.len() == 1 && page.results[0].id == number(&second)?);
            ensure!(page.count == Some(2) && page.next.is_some());
            let page = records().page(2).send().await?;
            ensure!(page.results.len() == 1 && page.results[0].id == number(first()?)?);
            ensure!(page.next.is_none());
            Ok(second)
        })
        .await;
    let second = || second.as_ref().context("the second container was not created");

    checks
        .check("filter", async {
            let page = agent.list_containers().status("running").send().await?;
            ensure!(page.results.len() == 2);
            let page = agent.list_containers().status("stopped").send().await?;
            ensure!(page.results.is_empty());
            Ok(())
        })
        .await;

    checks
        .check("another filter", async {
            let filters = object(json!({"docker_id": first()?.docker_id}));
            let page = agent.list_containers().filters(filters).send().await?;
            ensure!(page.results.len() == 1 && page.results[0].id == number(first()?)?);
            Ok(())
        })
        .await;

    checks
        .check("update", async {
            let id = number(second()?)?;
            let request = UpdateContainerRequest::builder().status("stopped");
            let record = agent.update_container().container_id(id).body(request).send().await?;
            ensure!(record.status == "stopped");
            ensure!(agent.get_container().container_id(id).send().await?.status == "stopped");
            Ok(())
        })
        .await;

    checks
        .check("invalid", async {
            let request = CreateDockerContainerRequest::builder().plugin_release("no-version");
            let error = refused(agent.create_docker_container().body(request).send().await, 422)?;
            let ErrorBodyDetail::Array(fields) = &error.detail else { bail!("{error:?}") };
            let field = fields.first().context("it names no field")?;
            let loc = ["body", "plugin_release"].map(|part| FieldErrorLocItem::String(part.to_owned()));
            ensure!(field.loc == loc, "{field:?}");
            ensure!(!field.type_.is_empty() && !field.msg.is_empty(), "{field:?}");
            Ok(())
        })
        .await;

    checks
        .check("logs", async {
            let id = first()?.docker_id.clone();
            let logs = agent.get_docker_container_logs().container_id(id).tail(1).send().await?;
            let chunks: Vec<_> = logs.into_inner_stream().try_collect().await?;
            String::from_utf8(chunks.concat())?;
            Ok(())
        })
        .await;

    checks
        .check("unknown fields", async {
            let container = only(&scripted).await?;
            ensure!(container.docker_id == "0123456789ab" && !container.running);
            Ok(())
        })
        .await;

    checks
        .check("unknown status", async {
            ensure!(only(&scripted).await?.status == "hibernating");
            Ok(())
        })
        .await;

    checks
        .check("null optionals", async {
            let container = only(&scripted).await?;
            ensure!(container.name.is_none() && container.image.is_none() && container.endpoint.is_none());
            ensure!(container.plugin_release.is_none() && container.labels.is_none());
            ensure!(container.created_at.is_none() && container.record_id.is_none());
            ensure!(container.exit_code.is_none());
            let record = scripted.get_container().container_id(7).send().await?;
            ensure!(record.docker_id.is_none() && record.status_reason.is_none() && record.exit_code.is_none());
            ensure!(record.ended_at.is_none() && record.endpoint.is_none() && record.host_port.is_none());
            ensure!(record.params.is_none() && record.metadata.is_none() && record.labels.is_none());
            ensure!(record.created_at.is_none() && record.updated_at.is_none());
            Ok(())
        })
        .await;

    checks
        .check("unknown fields in a page", async {
            let page = scripted.list_containers().send().await?;
            ensure!(page.count.is_none());
            ensure!(page.results.len() == 1 && page.results[0].status == "hibernating");
            Ok(())
        })
        .await;

    checks
        .check("too many requests", async {
            let id = "0123456789ab";
            let error = refused(scripted.get_docker_container().container_id(id).send().await, 429)?;
            ensure!(error.headers().get(RETRY_AFTER).context("no Retry-After")? == "7");
            ensure!(text(&error)? == "Too many requests.");
            Ok(())
        })
        .await;

    checks
        .check("delete", async {
            agent.delete_docker_container().container_id(first()?.docker_id.clone()).send().await?;
            Ok(())
        })
        .await;

    checks
        .check("delete again", async {
            let id = first()?.docker_id.clone();
            refused(agent.delete_docker_container().container_id(id).send().await, 404)?;
            Ok(())
        })
        .await;

    checks
        .check("delete record", async {
            let id = number(second()?)?;
            agent.delete_container().container_id(id).send().await?;
            refused(agent.get_container().container_id(id).send().await, 404)?;
            Ok(())
        })
        .await;

    Ok(checks.close())
}

/// Returns a client of an agent, which sends this token.
fn client(url: &str, token: Option<&str>) -> Result<Client> {
    let mut headers = HeaderMap::new();
    if let Some(token) = token {
        headers.insert(AUTHORIZATION, HeaderValue::from_str(token)?);
    }
    Ok(Client::new_with_client(url, reqwest::Client::builder().default_headers(headers).build()?))
}

/// Returns the error that was answered, which has this status.
fn refused<T>(answer: Answer<T>, status: u16) -> Result<ResponseValue<ErrorBody>> {
    match answer {
        Err(Error::ErrorResponse(error)) => {
            ensure!(error.status() == status, "{}: {error:?}", error.status());
            Ok(error)
        }
        Err(error) => Err(error.into()),
        Ok(_) => bail!("it was answered"),
    }
}

/// Returns what went wrong, which is a text.
fn text(error: &ErrorBody) -> Result<&str> {
    match &error.detail {
        ErrorBodyDetail::String(text) => Ok(text),
        ErrorBodyDetail::Array(fields) => bail!("{fields:?}"),
    }
}

/// Returns the number of a container's record.
fn number(container: &DockerContainer) -> Result<i64> {
    container.record_id.context("the container has no record")
}

/// Returns the one container of the scripted server.
async fn only(scripted: &Client) -> Result<DockerContainer> {
    let containers = scripted.list_docker_containers().send().await?.into_inner();
    let [container] = containers.try_into().map_err(|all| anyhow::anyhow!("{all:?}"))?;
    Ok(container)
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}
