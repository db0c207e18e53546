<?php

// The conformance scenario with the PHP client: conformance.php SOURCES.

declare(strict_types=1);

use GuzzleHttp\Client;
use Synapse\AgentApi\Api\ContainersApi;
use Synapse\AgentApi\Api\DockerContainersApi;
use Synapse\AgentApi\ApiException;
use Synapse\AgentApi\Configuration;
use Synapse\AgentApi\Model\Container;
use Synapse\AgentApi\Model\CreateDockerContainerRequest;
use Synapse\AgentApi\Model\ErrorBody;
use Synapse\AgentApi\Model\FieldError;
use Synapse\AgentApi\Model\UpdateContainerRequest;

// A warning is a failure.
set_error_handler(
    static fn (int $level, string $message, string $file, int $line) =>
        throw new ErrorException($message, 0, $level, $file, $line)
);

// With Composer, both are in vendor/autoload.php.
require 'GuzzleHttp/autoload.php';
spl_autoload_register(static function (string $class) use ($argv): void {
    $prefix = 'Synapse\\AgentApi\\';
    if (str_starts_with($class, $prefix)) {
        require $argv[1] . '/' . strtr(substr($class, strlen($prefix)), '\\', '/') . '.php';
    }
});

const RELEASE = 'my_plugin@1.0.0';
const METADATA = ['created_by' => 'conformance'];
const LABELS = ['production', 'ml-model'];
// The client reads a free object as an array, and those inside it as objects.
$params = ['input' => 'data', 'nested' => (object) ['list' => [1, 2.5, true, null]], 'text' => 'ä漢🚀'];

/** Makes checks, prints a line for each, and counts them. */
final class Checks
{
    private int $passed = 0;
    private int $failed = 0;

    /** A check fails if it throws. */
    public function check(string $name, callable $check): void
    {
        try {
            $check();
            echo "ok $name\n";
            $this->passed++;
        } catch (Throwable $error) {
            fwrite(STDERR, "$error\n");
            echo "FAILED $name: ", json_encode($error->getMessage()), "\n";
            $this->failed++;
        }
    }

    /** Prints how many passed, and returns the exit code. */
    public function close(): int
    {
        echo "conformance: $this->passed passed, $this->failed failed\n";
        return $this->failed === 0 ? 0 : 1;
    }
}

/** Compares types too, and what is in objects. */
function same(mixed $expected, mixed $actual): void
{
    if (var_export($expected, true) !== var_export($actual, true)) {
        throw new RuntimeException(var_export($actual, true) . ' is not ' . var_export($expected, true));
    }
}

function sure(bool $truth): void
{
    same(true, $truth);
}

/** Returns the exception that a call ends with, which has this status. */
function refused(int $status, callable $call): ApiException
{
    try {
        $call();
    } catch (ApiException $error) {
        same($status, $error->getCode());
        return $error;
    }
    throw new RuntimeException('it was answered');
}

/** Returns what an exception says went wrong. */
function detail(ApiException $error): string|array
{
    $body = $error->getResponseObject();
    sure($body instanceof ErrorBody);
    return $body->getDetail();
}

function configuration(string $url, ?string $token = null): Configuration
{
    $configuration = (new Configuration())->setHost($url);
    return $token === null ? $configuration : $configuration->setApiKey('Authorization', $token);
}

function environment(string $name): string
{
    return getenv($name) ?: throw new RuntimeException("There is no $name.");
}

$url = environment('SYNAPSE_AGENT_URL');
$http = new Client();
$configuration = configuration($url, environment('SYNAPSE_AGENT_TOKEN'));
$docker = new DockerContainersApi($http, $configuration);
$records = new ContainersApi($http, $configuration);
$configuration = configuration(environment('SYNAPSE_SCRIPTED_URL'));
$scripted = new DockerContainersApi($http, $configuration);
$scriptedRecords = new ContainersApi($http, $configuration);
$checks = new Checks();
$first = $second = null;

$checks->check('no token', static function () use ($http, $url) {
    refused(401, static fn () => (new DockerContainersApi($http, configuration($url)))->listDockerContainers());
});

$checks->check('wrong token', static function () use ($http, $url) {
    $other = new DockerContainersApi($http, configuration($url, 'wrong'));
    $detail = detail(refused(401, static fn () => $other->listDockerContainers()));
    sure(is_string($detail) && $detail !== '');
});

$checks->check('list', static function () use ($docker) {
    same([], $docker->listDockerContainers());
});

$checks->check('create', static function () use ($docker, $params, &$first) {
    $first = $docker->createDockerContainer(new CreateDockerContainerRequest([
        'plugin_release' => RELEASE,
        'params' => $params,
        'envs' => ['DEBUG' => 'true'],
        'metadata' => METADATA,
        'labels' => LABELS,
    ]));
    same($first->getId(), $first->getDockerId());
    same([RELEASE, LABELS], [$first->getPluginRelease(), $first->getLabels()]);
});

$checks->check('get', static function () use ($docker, &$first) {
    $found = $docker->getDockerContainer($first->getDockerId());
    same([true, 'running'], [$found->getRunning(), $found->getStatus()]);
    sure(str_starts_with($found->getEndpoint(), 'http://127.0.0.1:'));
});

$checks->check('record', static function () use ($records, $params, &$first) {
    $record = $records->getContainer($first->getRecordId());
    same([$params, METADATA, LABELS], [$record->getParams(), $record->getMetadata(), $record->getLabels()]);
});

$checks->check('one segment', static function () use ($docker) {
    $name = 'a/b?c#d é漢';
    sure(str_contains(detail(refused(404, static fn () => $docker->getDockerContainer($name))), $name));
});

$checks->check('two pages', static function () use ($docker, $records, &$first, &$second) {
    $second = $docker->createDockerContainer(new CreateDockerContainerRequest(['plugin_release' => RELEASE]));
    $page = $records->listContainers(plugin_release: RELEASE, page: 1, page_size: 1);
    same([$second->getRecordId()], array_map(static fn (Container $one) => $one->getId(), $page->getResults()));
    same(2, $page->getCount());
    sure($page->getNext() !== null);
    $page = $records->listContainers(plugin_release: RELEASE, page: 2, page_size: 1);
    same([$first->getRecordId()], array_map(static fn (Container $one) => $one->getId(), $page->getResults()));
    same(null, $page->getNext());
});

$checks->check('filter', static function () use ($records) {
    same(2, count($records->listContainers(status: 'running')->getResults()));
    same([], $records->listContainers(status: 'stopped')->getResults());
});

$checks->check('another filter', static function () use ($records, &$first) {
    $found = $records->listContainers(filters: ['docker_id' => $first->getDockerId()])->getResults();
    same([$first->getRecordId()], array_map(static fn (Container $one) => $one->getId(), $found));
});

$checks->check('update', static function () use ($records, &$second) {
    $update = new UpdateContainerRequest(['status' => 'stopped']);
    same('stopped', $records->updateContainer($second->getRecordId(), $update)->getStatus());
    same('stopped', $records->getContainer($second->getRecordId())->getStatus());
});

$checks->check('invalid', static function () use ($docker) {
    $request = new CreateDockerContainerRequest(['plugin_release' => 'no-version']);
    [$field] = detail(refused(422, static fn () => $docker->createDockerContainer($request)));
    sure($field instanceof FieldError);
    same(['body', 'plugin_release'], $field->getLoc());
    sure($field->getType() !== '' && $field->getMsg() !== '');
});

$checks->check('logs', static function () use ($docker, &$first) {
    sure(is_string($docker->getDockerContainerLogs($first->getDockerId(), tail: 1)));
});

$checks->check('unknown fields', static function () use ($scripted) {
    [$found] = $scripted->listDockerContainers();
    same(['0123456789ab', false], [$found->getDockerId(), $found->getRunning()]);
});

$checks->check('unknown status', static function () use ($scripted) {
    [$found] = $scripted->listDockerContainers();
    same('hibernating', $found->getStatus());
});

$checks->check('null optionals', static function () use ($scripted, $scriptedRecords) {
    [$found] = $scripted->listDockerContainers();
    foreach (['Name', 'Image', 'Endpoint', 'PluginRelease', 'Labels', 'CreatedAt', 'RecordId', 'ExitCode'] as $name) {
        same(null, $found->{"get$name"}());
    }
    $record = $scriptedRecords->getContainer(7);
    $optional = array_diff_key(Container::getters(), ['id' => 0, 'plugin_release' => 0, 'status' => 0]);
    same(11, count($optional));
    foreach ($optional as $getter) {
        same(null, $record->$getter());
    }
});

$checks->check('unknown fields in a page', static function () use ($scriptedRecords) {
    $page = $scriptedRecords->listContainers();
    same(null, $page->getCount());
    same(['hibernating'], array_map(static fn (Container $one) => $one->getStatus(), $page->getResults()));
});

$checks->check('too many requests', static function () use ($scripted) {
    $error = refused(429, static fn () => $scripted->getDockerContainer('0123456789ab'));
    same(['7'], $error->getResponseHeaders()['Retry-After']);
    same('Too many requests.', detail($error));
});

$checks->check('delete', static function () use ($docker, &$first) {
    same([null, 204], array_slice($docker->deleteDockerContainerWithHttpInfo($first->getDockerId()), 0, 2));
});

$checks->check('delete again', static function () use ($docker, &$first) {
    refused(404, static fn () => $docker->deleteDockerContainer($first->getDockerId()));
});

$checks->check('delete record', static function () use ($records, &$second) {
    $records->deleteContainer($second->getRecordId());
    refused(404, static fn () => $records->getContainer($second->getRecordId()));
});

exit($checks->close());
