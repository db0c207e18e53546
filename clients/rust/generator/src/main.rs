//! Writes the client made from a contract: `generator CONTRACT TARGET`.

use std::{env, error::Error, fs};

use progenitor_impl::{GenerationSettings, Generator, InterfaceStyle, TypeImpl};
use serde_json::{Map, Value};

/// What a value may be is the agent's to say, field by field; types that refuse it first would hide that, and would
/// refuse the answer of an agent that is more liberal.
const CONSTRAINTS: [&str; 4] = ["pattern", "minLength", "minimum", "maximum"];

fn main() -> Result<(), Box<dyn Error>> {
    let [contract, target] = env::args().skip(1).collect::<Vec<_>>().try_into().map_err(|_| "CONTRACT TARGET")?;
    let mut contract: Value = serde_yaml_ng::from_str(&fs::read_to_string(contract)?)?;
    let responses = contract["components"]["responses"].clone();
    adapt(&mut contract, &responses)?;
    let mut settings = GenerationSettings::new();
    settings.with_interface(InterfaceStyle::Builder).with_derive("PartialEq");
    for (name, schema) in contract["components"]["schemas"].as_object().into_iter().flatten() {
        if let Some(plain) = plain(schema) {
            settings.with_replacement(name, plain, [TypeImpl::Display, TypeImpl::FromStr].into_iter());
        }
    }
    let tokens = Generator::new(&settings).generate_tokens(&serde_json::from_value(contract)?)?;
    let code = prettyplease::unparse(&syn::parse2(tokens)?);
    fs::write(target, format!("#![doc = include_str!(\"../README.md\")]\n\n{code}"))?;
    Ok(())
}

/// Returns the type of Rust that says as much as a schema. A type of its own around it would have to be taken off and on.
fn plain(schema: &Value) -> Option<&'static str> {
    match (schema["type"].as_str()?, schema["items"]["type"].as_str()) {
        ("string", _) => Some("::std::string::String"),
        ("integer", _) => Some("i64"),
        ("array", Some("string")) => Some("::std::vec::Vec<::std::string::String>"),
        _ => None,
    }
}

/// Makes of the contract what progenitor can read.
fn adapt(value: &mut Value, known: &Value) -> Result<(), String> {
    match value {
        Value::Object(object) => {
            object.retain(|key, value| value.is_object() || !CONSTRAINTS.contains(&key.as_str()));
            if let Some(Value::Object(responses)) = object.get_mut("responses") {
                narrow(responses, known)?;
            }
            object.values_mut().try_for_each(|inner| adapt(inner, known))
        }
        Value::Array(array) => array.iter_mut().try_for_each(|inner| adapt(inner, known)),
        _ => Ok(()),
    }
}

/// Tells the errors from the success: progenitor takes `default` for both, and stops as their types differ. It knows one
/// type of error for an operation, so those that have a status of their own have to have that of the default.
fn narrow(responses: &mut Map<String, Value>, known: &Value) -> Result<(), String> {
    let Some(default) = responses.remove("default") else { return Ok(()) };
    let schema = schema(&default, known);
    for (status, response) in responses.iter().filter(|(status, _)| !status.starts_with('2')) {
        if self::schema(response, known) != schema {
            return Err(format!("the response {status} has another type than the default: {response}"));
        }
    }
    responses.retain(|status, _| status.starts_with('2'));
    responses.insert("4XX".to_owned(), default.clone());
    responses.insert("5XX".to_owned(), default);
    Ok(())
}

/// Returns the type of a response, which may stand among those that are known.
fn schema<'a>(response: &'a Value, known: &'a Value) -> &'a Value {
    let name = response["$ref"].as_str().and_then(|path| path.strip_prefix("#/components/responses/"));
    &name.map_or(response, |name| &known[name])["content"]["application/json"]["schema"]
}
