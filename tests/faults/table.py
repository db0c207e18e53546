"""What the client makes of every fault.

Each line of `TABLE` is a fault, with what the client was given if it matters (`retries=0`, or a time in seconds), and
the calls that it holds for, each of which is a row of its own. Then stands what is seen:

- `came`: how many requests arrived.
- `ends with`: the class of the error, without the `Error` and `Client` of its name, and its `status_code` if it has
  one; or `answer`, the value that the call is made for; or `rows` and their numbers.
- `tries`, `effect`: the error's `attempts`, and whether it says that the request may have taken effect.
- `naps`: what was waited between the attempts. The client is given 0.5 for its random number.
- `least`: the seconds that the call took at the least, where it must not end too early. The most is `MOST` everywhere.

A line below that begins with `+` adds to it: attributes of the error, `text=` and `hides=` for what its text must have
and must not have, `connections=` for how many connections were made.
"""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

from attrs import evolve, field, frozen

from synapse_sdk import exceptions
from tests.faults.agent import DOCKER_ID, HEALTH, LOGS, RECORD_ID, container, page, record

#: How long a call takes at the most, in seconds. Nothing that the client waits for unless it is told otherwise ends so
#: soon (three connections that are not made do after 9), and a machine that is busy stalls for less.
MOST = 8.0

_GOOD = {**container(), "plugin_release": "a@1"}


@frozen
class Call:
    """A call of the SDK.

    Attributes:
        method: The method of HTTP that it sends.
        name: Its name.
        args: Its arguments.
        kwargs: Its keyword arguments.
        answer: What it returns when nothing is wrong.
        gone: Whether there is nothing of the kind, so that nothing is wrong with a 404.
    """

    method: str
    name: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(factory=dict)
    answer: Any = None
    gone: bool = False

    @property
    def operation(self) -> str:
        """The operation of the contract."""
        return self.name.replace("iter_", "list_").replace("wait_for_", "get_docker_")


CALLS = {
    "get": Call("GET", "get_docker_container", (DOCKER_ID,), answer=container()),
    "post": Call("POST", "create_docker_container", ("a@1",), answer=_GOOD),
    "patch": Call("PATCH", "update_container", (RECORD_ID,), {"status": "stopped"}, record(status="stopped")),
    "del": Call("DELETE", "delete_docker_container", (DOCKER_ID,)),
    "get#": Call("GET", "get_container", (RECORD_ID,), answer=record()),
    "del#": Call("DELETE", "delete_container", (RECORD_ID,)),
    "list": Call("GET", "list_docker_containers", answer=[container()]),
    "page": Call("GET", "list_containers", answer=page([1, 2], count=2)),
    "all": Call("GET", "list_containers", (), {"list_all": True}, ([record(1), record(2)], 2)),
    "iter": Call("GET", "iter_containers", answer=[record(1), record(2)]),
    "stop": Call("POST", "stop_docker_container", (DOCKER_ID,), answer=container(status="exited")),
    "start": Call("POST", "start_docker_container", (DOCKER_ID,), answer=container()),
    "logs": Call("GET", "get_docker_container_logs", (DOCKER_ID,), {"tail": 2}, LOGS),
    "wait": Call("GET", "wait_for_container", (DOCKER_ID,), answer=container()),
    "health": Call("GET", "health_check", answer=HEALTH),
    "gone": Call("GET", "get_docker_container", (DOCKER_ID,), gone=True),
    # More than the buffers of a connection take.
    "big": Call("POST", "create_docker_container", ("a@1",), {"params": {"x": "x" * 8_000_000}}, _GOOD),
}

TABLE = """
fault                             calls               came  ends with           tries  effect  naps      least

The agent is never reached: any call is tried again, since nothing was done.
refused                           get post patch del  0     Connection          3      no      .1 .2     -
refused                           list page all iter  0     Connection          3      no      .1 .2     -
refused; retries=0                get post patch del  0     Connection          1      no      -         -
refused; retries=1                get post            0     Connection          2      no      .1        -
refused; retries=8                get post  0  Connection  9  no  .1 .2 .4 .8 1.6 3.2 4 4  -
refused; retries=9; deadline=3.15  get post patch del  0     Timeout             6      no      .1 .2 .4 .8 1.6  -
refused, then well                get post patch del  1     answer              -      -       .1        -
refused, then well                del# all iter       1     answer              -      -       .1        -
refused, 404                      get del del#        1     NotFound 404        2      no      .1        -
refused, closed; retries=1        get                 1     ResponseIncomplete  2      no      .1        -
refused, closed; retries=1        post patch del      1     ResponseIncomplete  2      yes     .1        -
no such host                      get post patch del  0     Connection          3      no      .1 .2     -
full queue; connect=.05           get post patch del  0     Timeout             3      no      .1 .2     .15
full queue; deadline=.1           get post patch del  0     Timeout             1      no      -         .1
busy pool; pool=.05               get post patch del  0     Timeout             3      no      .1 .2     .15
busy pool; deadline=.1            get post patch del  0     Timeout             1      no      -         .1

The agent refuses: final, but for 429.
400                               get post patch del  1     Validation 400      1      no      -         -
                                  + detail=no
401                               get post patch del  1     Authentication 401  1      no      -         -
                                  + detail=no
403                               get post patch del  1     Authorization 403   1      no      -         -
                                  + detail=no
404                               get post patch del  1     NotFound 404        1      no      -         -
                                  + detail=no
404                               get# del# page all  1     NotFound 404        1      no      -         -
405                               get post patch del  1     HTTP 405            1      no      -         -
409                               get post patch del  1     Conflict 409        1      no      -         -
                                  + detail=no
410                               get del             1     HTTP 410            1      no      -         -
413                               post patch          1     HTTP 413            1      no      -         -
422                               get post patch del  1     Validation 422      1      no      -         -
                                  + detail=no
499                               get post            1     HTTP 499            1      no      -         -
401, then well                    get post patch del  1     Authentication 401  1      no      -         -
404, then well                    get post patch del  1     NotFound 404        1      no      -         -
409, then well                    get post patch del  1     Conflict 409        1      no      -         -
422, then well                    get post patch del  1     Validation 422      1      no      -         -
429                               get post patch del  3     RateLimit 429       3      no      .1 .2     -
                                  + detail=no retry_after=null
429; retries=0                    get post patch del  1     RateLimit 429       1      no      -         -
429; retries=4                    get post            5     RateLimit 429       5      no      .1 .2 .4 .8  -
429, then well                    get post patch del  2     answer              -      -       .1        -
429, 503, then well               get post patch del  3     answer              -      -       .1 .2     -
429, 404                          get del del#        2     NotFound 404        2      no      .1        -
413 unread                        big                 1     HTTP 413            1      no      -         -

The agent fails, or a gateway before it: 503 did nothing, 502 and 504 are not known.
500                               get                 1     Server 500          1      no      -         -
500                               post patch del      1     Server 500          1      yes     -         -
500, then well                    get                 1     Server 500          1      no      -         -
500, then well                    post patch del      1     Server 500          1      yes     -         -
501                               get post patch del  1     Server 501          1      no      -         -
501, then well                    get post patch del  1     Server 501          1      no      -         -
505                               get                 1     Server 505          1      no      -         -
599                               get                 1     Server 599          1      no      -         -
599                               post patch del      1     Server 599          1      yes     -         -
700                               get                 1     HTTP 700            1      no      -         -
502                               get                 3     Server 502          3      no      .1 .2     -
502                               del                 3     Server 502          3      yes     .1 .2     -
502                               post patch          1     Server 502          1      yes     -         -
                                  + text="may have" detail=no
504                               get                 3     Server 504          3      no      .1 .2     -
504                               del                 3     Server 504          3      yes     .1 .2     -
504                               post patch          1     Server 504          1      yes     -         -
                                  + text="may have" detail=no
502; retries=0                    get                 1     Server 502          1      no      -         -
502; retries=0                    del                 1     Server 502          1      yes     -         -
503                               get post patch del  3     Server 503          3      no      .1 .2     -
503; retries=0                    get post patch del  1     Server 503          1      no      -         -
502, then well                    get del             2     answer              -      -       .1        -
502, then well                    post patch          1     Server 502          1      yes     -         -
504, then well                    get del             2     answer              -      -       .1        -
504, then well                    post patch          1     Server 504          1      yes     -         -
503, then well                    get post patch del  2     answer              -      -       .1        -
503, then well                    get# del# page all  2     answer              -      -       .1        -
503, 500                          get                 2     Server 500          2      no      .1        -
503, 500                          post patch del      2     Server 500          2      yes     .1        -
503, 502; retries=1               get                 2     Server 502          2      no      .1        -
503, 502; retries=1               post patch del      2     Server 502          2      yes     .1        -

What an error says.
a reason                          get post patch del  1     Server 500          1      ?       -         -
                                  + detail=no request_id=r-1 text=r-1
fields                            post                1     Validation 422      1      no      -         -
                                  + text="body.a: Field required"
a list of text                    get post            1     Validation 422      1      no      -         -
                                  + detail='["boom"]' text=boom
other JSON                        get                 1     Server 500          1      no      -         -
                                  + detail='{"error": "boom"}' text=boom
a page of HTML                    get                 1     Server 500          1      no      -         -
                                  + text="Bad day"
nothing                           get                 1     Server 500          1      no      -         -
                                  + detail=null
bytes                             get                 1     Server 500          1      no      -         -

The answer says when to try again.
429 after 7                       get post patch del  2     answer              -      -       7         -
503 after 7                       get post patch del  2     answer              -      -       7         -
502 after 7                       get del             2     answer              -      -       7         -
502 after 7                       post patch          1     Server 502          1      yes     -         -
                                  + retry_after=7
500 after 7                       get                 1     Server 500          1      no      -         -
                                  + retry_after=7
429 after 0                       get post patch del  2     answer              -      -       -         -
429 after 60; deadline=99         get post patch del  2     answer              -      -       60        -
503 after 60; deadline=99         get post            2     answer              -      -       60        -
429 after 60                      get patch del       1     RateLimit 429       1      no      -         -
                                  + retry_after=60
429 after 61; deadline=99         get post patch del  1     RateLimit 429       1      no      -         -
                                  + retry_after=61 text=61
503 after 61; deadline=99         get post patch del  1     Server 503          1      no      -         -
                                  + retry_after=61 text=61
429 after 7; deadline=5           get post patch del  1     RateLimit 429       1      no      -         -
                                  + retry_after=7
503 after 7; deadline=5           get post patch del  1     Server 503          1      no      -         -
                                  + retry_after=7
429 after 7; retries=0            get post            1     RateLimit 429       1      no      -         -
                                  + retry_after=7
429 after soon                    get post            2     answer              -      -       .1        -
429 after inf                     get post            2     answer              -      -       .1        -
429 after soon; retries=0         get                 1     RateLimit 429       1      no      -         -
                                  + retry_after=null
429 after a date                  get post patch del  2     answer              -      -       30        -
503 after a date                  get post            2     answer              -      -       30        -
429 after a past date             get post            2     answer              -      -       -         -
429 after a far date              get post            1     RateLimit 429       1      no      -         -
                                  + retry_after=3600

The answer is lost: what may have taken effect is done again where that does no harm, and never else.
closed                            get                 3     ResponseIncomplete  3      no      .1 .2     -
closed                            del del#            3     ResponseIncomplete  3      yes     .1 .2     -
closed                            post patch          1     ResponseIncomplete  1      yes     -         -
                                  + text="may have"
closed; retries=0                 get                 1     ResponseIncomplete  1      no      -         -
closed; retries=0                 post patch del      1     ResponseIncomplete  1      yes     -         -
closed; retries=5                 post patch          1     ResponseIncomplete  1      yes     -         -
closed, then well                 get del             2     answer              -      -       .1        -
closed, then well                 get# del# list all  2     answer              -      -       .1        -
closed, then well                 post patch          1     ResponseIncomplete  1      yes     -         -
reset                             get                 3     ResponseIncomplete  3      no      .1 .2     -
reset                             del                 3     ResponseIncomplete  3      yes     .1 .2     -
reset                             post patch          1     ResponseIncomplete  1      yes     -         -
                                  + text="may have"
reset, then well                  get del             2     answer              -      -       .1        -
reset, then well                  post patch          1     ResponseIncomplete  1      yes     -         -
closed unread                     get                 3     ResponseIncomplete  3      no      .1 .2     -
closed unread                     del                 3     ResponseIncomplete  3      yes     .1 .2     -
closed unread                     post patch          1     ResponseIncomplete  1      yes     -         -
closed on connect                 get                 0     ResponseIncomplete  3      no      .1 .2     -
closed on connect                 del                 0     ResponseIncomplete  3      yes     .1 .2     -
closed on connect                 post patch          0     ResponseIncomplete  1      yes     -         -
half a status line                get                 3     ResponseIncomplete  3      no      .1 .2     -
half a status line                del                 3     ResponseIncomplete  3      yes     .1 .2     -
half a status line                post patch          1     ResponseIncomplete  1      yes     -         -
half a head                       get                 3     ResponseIncomplete  3      no      .1 .2     -
half a head                       del                 3     ResponseIncomplete  3      yes     .1 .2     -
half a head                       post patch          1     ResponseIncomplete  1      yes     -         -
not HTTP                          get                 3     ResponseIncomplete  3      no      .1 .2     -
not HTTP                          del                 3     ResponseIncomplete  3      yes     .1 .2     -
not HTTP                          post patch          1     ResponseIncomplete  1      yes     -         -
a status of letters               get                 3     ResponseIncomplete  3      no      .1 .2     -
a status of letters               post patch          1     ResponseIncomplete  1      yes     -         -
two lengths                       get                 3     ResponseIncomplete  3      no      .1 .2     -
two lengths                       post patch          1     ResponseIncomplete  1      yes     -         -
a length of letters               get                 3     ResponseIncomplete  3      no      .1 .2     -
a length of letters               post patch          1     ResponseIncomplete  1      yes     -         -
huge headers                      get                 3     ResponseIncomplete  3      no      .1 .2     -
huge headers                      post patch          1     ResponseIncomplete  1      yes     -         -
101                               get                 3     ResponseIncomplete  3      no      .1 .2     -
101                               post patch          1     ResponseIncomplete  1      yes     -         -
endless headers                   get                 3     ResponseIncomplete  3      no      .1 .2     -
endless headers                   post patch          1     ResponseIncomplete  1      yes     -         -
503, closed, then well            get del             3     answer              -      -       .1 .2     -
503, closed, then well            post patch          2     ResponseIncomplete  2      yes     .1        -

A delete that was done before, as far as is known, has done its work when there is nothing left to delete.
closed, 404                       del del#            2     answer              -      -       .1        -
closed, 404                       get                 2     NotFound 404        2      no      .1        -
reset, 404                        del del#            2     answer              -      -       .1        -
502, 404                          del del#            2     answer              -      -       .1        -
504, 404                          del del#            2     answer              -      -       .1        -
503, 404                          del del#            2     NotFound 404        2      no      .1        -
closed, 503, 404                  del                 3     answer              -      -       .1 .2     -
closed, 503, 404                  get                 3     NotFound 404        3      no      .1 .2     -
silence, 404; read=.8             del                 2     answer              -      -       .1        .8
not HTTP, 404                     del                 2     answer              -      -       .1        -
closed on connect, 404            del                 1     answer              -      -       .1        -
half a 502, 404                   del                 2     answer              -      -       .1        -
closed, 401                       get                 2     Authentication 401  2      no      .1        -
closed, 401                       del                 2     Authentication 401  2      yes     .1        -
closed, 500                       get                 2     Server 500          2      no      .1        -
closed, 500                       del                 2     Server 500          2      yes     .1        -
closed, 503, 429                  get                 3     RateLimit 429       3      no      .1 .2     -
closed, 503, 429                  del                 3     RateLimit 429       3      yes     .1 .2     -

The body is lost: what the head says counts, and a delete needs no more.
half a body                       get                 3     ResponseIncomplete  3      no      .1 .2     -
half a body                       post patch          1     ResponseIncomplete  1      yes     -         -
                                  + text="may have"
half a body                       del                 1     answer              -      -       -         -
half a body, then well            get                 2     answer              -      -       .1        -
half a body, then well            post patch          1     ResponseIncomplete  1      yes     -         -
no body                           get                 3     ResponseIncomplete  3      no      .1 .2     -
no body                           post patch          1     ResponseIncomplete  1      yes     -         -
no body                           del                 1     answer              -      -       -         -
half a body, reset                get                 3     ResponseIncomplete  3      no      .1 .2     -
half a body, reset                post patch          1     ResponseIncomplete  1      yes     -         -
half a body, reset                del                 1     answer              -      -       -         -
half of chunks                    get                 3     ResponseIncomplete  3      no      .1 .2     -
half of chunks                    post patch          1     ResponseIncomplete  1      yes     -         -
half of chunks                    del                 1     answer              -      -       -         -
half a chunk                      get                 3     ResponseIncomplete  3      no      .1 .2     -
half a chunk                      post patch          1     ResponseIncomplete  1      yes     -         -
no chunk                          get                 3     ResponseIncomplete  3      no      .1 .2     -
no chunk                          post patch          1     ResponseIncomplete  1      yes     -         -
no chunk                          del                 1     answer              -      -       -         -
half a 401                        get post patch del  1     Authentication 401  1      no      -         -
half a 404                        get post patch del  1     NotFound 404        1      no      -         -
half a 422                        get post patch del  1     Validation 422      1      no      -         -
half a 429                        get post patch del  3     RateLimit 429       3      no      .1 .2     -
half a 500                        get                 1     Server 500          1      no      -         -
half a 500                        post patch del      1     Server 500          1      yes     -         -
half a 502                        get                 3     Server 502          3      no      .1 .2     -
half a 502                        post patch          1     Server 502          1      yes     -         -
half a 503                        get post patch del  3     Server 503          3      no      .1 .2     -
half a 503, then well             get post patch del  2     answer              -      -       .1        -

The answer takes too long.
silence; read=.05                 get                 3     Timeout             3      no      .1 .2     .15
silence; read=.05                 del                 3     Timeout             3      yes     .1 .2     .15
silence; read=.05                 patch               1     Timeout             1      yes     -         .05
                                  + text="may have"
silence; create=.05               post                1     Timeout             1      yes     -         .05
                                  + text="may have"
silence; retries=0; read=.05      get                 1     Timeout             1      no      -         .05
silence, then well; read=.8       get del             2     answer              -      -       .1        .8
late; read=.05                    post                1     answer              -      -       -         .2
late; deadline=9                  get patch del       1     answer              -      -       -         .2
silence; deadline=.3              get                 1     Timeout             1      no      -         .3
silence; deadline=.3              post patch del      1     Timeout             1      yes     -         .3
                                  + text="may have"
silence; deadline=.3              list page all iter  1     Timeout             1      no      -         .3
silence; read=.7; deadline=1.3    get                 2     Timeout             2      no      .1        1.3
half a status line, silence; deadline=.3   get        1     Timeout             1      no      -         .3
half a status line, silence; deadline=.3   post       1     Timeout             1      yes     -         .3
half a head, silence; read=.1     get                 3     Timeout             3      no      .1 .2     .3
half a head, silence; read=.1     patch               1     Timeout             1      yes     -         .1
half a body, silence; read=.1     get                 3     Timeout             3      no      .1 .2     .3
half a body, silence; read=.1     patch               1     Timeout             1      yes     -         .1
half a body, silence; create=.1   post                1     Timeout             1      yes     -         .1
half a body, silence; read=.8     del                 1     answer              -      -       -         -
half a 422, silence; read=.8      get patch del       1     Validation 422      1      no      -         -
dripped head; deadline=.3         get                 1     Timeout             1      no      -         .3
dripped head; deadline=.3         post patch del      1     Timeout             1      yes     -         .3
dripped body; deadline=.3         get                 1     Timeout             1      no      -         .3
dripped body; deadline=.3         post patch          1     Timeout             1      yes     -         .3
dripped body; deadline=.8         del                 1     answer              -      -       -         -
dripped 422; deadline=.8          get post patch del  1     Validation 422      1      no      -         -
dripped 503; deadline=.8          get post            1     Timeout             1      no      -         -
endless 100; deadline=.3          get                 1     Timeout             1      no      -         .3
endless 100; deadline=.3          post                1     Timeout             1      yes     -         .3
503, silence; deadline=.8         get                 2     Timeout             2      no      .1        .8
503, silence; deadline=.8         post patch del      2     Timeout             2      yes     .1        .8
never read; write=.2              big                 0     Timeout             1      yes     -         .2
never read; deadline=.6           big                 0     Timeout             1      yes     -         .6
never accepted; read=.05          get                 0     Timeout             3      no      .1 .2     .15
never accepted; read=.05          patch               0     Timeout             1      yes     -         .05
never accepted; deadline=.1       get                 0     Timeout             1      no      -         .1
never accepted; deadline=.3       post patch del      0     Timeout             1      yes     -         .3

A connection was kept alive: one that was closed before the request went out does not count, one closed after does.
kept                              get post patch del  1     answer              -      -       -         -
                                  + connections=1
kept, in chunks                   get post patch del  1     answer              -      -       -         -
                                  + connections=1
kept, zipped                      get post            1     answer              -      -       -         -
                                  + connections=1
kept, in pieces                   get post            1     answer              -      -       -         -
                                  + connections=1
kept, after a 404                 get post            1     answer              -      -       -         -
                                  + connections=1
stale                             get post patch del  1     answer              -      -       -         -
                                  + connections=2
stale, reset                      get post patch del  1     answer              -      -       -         -
stale, with a 408                 get post patch del  1     answer              -      -       -         -
said to close                     get post patch del  1     answer              -      -       -         -
more than its length              get post patch del  1     answer              -      -       -         -
an answer unasked for             get post patch del  1     answer              -      -       -         -
chunks unasked for                get post patch del  1     answer              -      -       -         -
chunks and an answer              get post patch del  1     answer              -      -       -         -
a late answer unasked for         get post patch del  1     answer              -      -       -         -
204 with a body                   get post patch del  1     answer              -      -       -         -
kept, closed                      get del             2     answer              -      -       .1        -
kept, closed                      post patch          1     ResponseIncomplete  1      yes     -         -
                                  + text="may have"
kept, closed unread               get del             2     answer              -      -       .1        -
kept, closed unread               post patch          1     ResponseIncomplete  1      yes     -         -
kept, reset                       get del             2     answer              -      -       .1        -
kept, reset                       post patch          1     ResponseIncomplete  1      yes     -         -
kept, half a status line          get del             2     answer              -      -       .1        -
kept, half a status line          post patch          1     ResponseIncomplete  1      yes     -         -
kept, 503, closed; retries=1      post patch          2     ResponseIncomplete  2      yes     .1        -

Answers that are unusual, and right.
100 first                         get post patch del  1     answer              -      -       -         -
103 first                         get post patch del  1     answer              -      -       -         -
202                               get del             1     answer              -      -       -         -
without a length                  get del             1     answer              -      -       -         -
in chunks                         get del             1     answer              -      -       -         -
in pieces                         get del             1     answer              -      -       -         -
zipped                            get del             1     answer              -      -       -         -

A success without what was asked for is none, but for a delete, which asks for nothing.
200 with HTML                     get list page all   1     ResponseDecode 200  1      no      -         -
                                  + text="Sign in"
200 with HTML                     post patch          1     ResponseDecode 200  1      yes     -         -
200 with HTML                     del                 1     answer              -      -       -         -
200 with nothing                  get list page iter  1     ResponseDecode 200  1      no      -         -
200 with nothing                  post patch          1     ResponseDecode 200  1      yes     -         -
200 with nothing                  del                 1     answer              -      -       -         -
204                               get list page       1     ResponseDecode 204  1      no      -         -
204                               post patch          1     ResponseDecode 204  1      yes     -         -
200 with half JSON                get list            1     ResponseDecode 200  1      no      -         -
200 with half JSON                post patch          1     ResponseDecode 200  1      yes     -         -
200 with two JSONs                get                 1     ResponseDecode 200  1      no      -         -
200 with bytes                    get                 1     ResponseDecode 200  1      no      -         -
200 with an array                 get page all iter   1     ResponseDecode 200  1      no      -         -
200 with an array                 post patch          1     ResponseDecode 200  1      yes     -         -
200 with an array                 del                 1     answer              -      -       -         -
200 with an object                list all iter       1     ResponseDecode 200  1      no      -         -
200 with text                     get list            1     ResponseDecode 200  1      no      -         -
200 with a number                 get list            1     ResponseDecode 200  1      no      -         -
200 with null                     get list            1     ResponseDecode 200  1      no      -         -
200 with null                     post patch          1     ResponseDecode 200  1      yes     -         -
200 with a depth                  get list            1     ResponseDecode 200  1      no      -         -
200 with a long number            get                 1     ResponseDecode 200  1      no      -         -
200 with no gzip                  get                 1     ResponseDecode 200  1      no      -         -
200 with no gzip                  post patch          1     ResponseDecode 200  1      yes     -         -
200 with no gzip                  del                 1     answer              -      -       -         -
200 with half a gzip              get                 1     ResponseDecode 200  1      no      -         -
422 with no gzip                  get post patch del  1     Validation 422      1      no      -         -
503 with no gzip                  get post            3     Server 503          3      no      .1 .2     -

The agent points elsewhere: followed to the same origin, as the same request.
307 here                          get post patch del  2     answer              -      -       -         -
308 here                          get post patch del  2     answer              -      -       -         -
301 here                          get                 2     answer              -      -       -         -
302 here                          get                 2     answer              -      -       -         -
303 here                          get                 2     answer              -      -       -         -
301 here                          post patch del      1     Redirect 301        1      yes     -         -
                                  + text=?moved
302 here                          post patch del      1     Redirect 302        1      yes     -         -
                                  + text=?moved
303 here                          post patch del      1     Redirect 303        1      yes     -         -
                                  + text=?moved
301 elsewhere                     get                 1     Redirect 301        1      no      -         -
301 elsewhere                     post patch del      1     Redirect 301        1      yes     -         -
302 elsewhere                     get                 1     Redirect 302        1      no      -         -
302 elsewhere                     post patch del      1     Redirect 302        1      yes     -         -
303 elsewhere                     get                 1     Redirect 303        1      no      -         -
303 elsewhere                     post patch del      1     Redirect 303        1      yes     -         -
307 elsewhere                     get post patch del  1     Redirect 307        1      no      -         -
                                  + text=?moved
308 elsewhere                     get post patch del  1     Redirect 308        1      no      -         -
                                  + text=?moved
307 to //                         get post            1     Redirect 307        1      no      -         -
307 with a password               get post            1     Redirect 307        1      no      -         -
                                  + text=?moved hides=hunter2
307 to https                      get post patch del  1     Redirect 307        1      no      -         -
                                  + text="base_url='https://127.0.0.1"
307 to its other name             get post            1     Redirect 307        1      no      -         -
307 here, with a password         get post            2     answer              -      -       -         -
307 to nowhere                    get post            1     Redirect 307        1      no      -         -
307 to no URL                     get post            1     Redirect 307        1      no      -         -
307 to a mailbox                  get post            1     Redirect 307        1      no      -         -
307 in a circle                   get post patch del  6     Redirect 307        1      no      -         -
302 in a circle                   get                 6     Redirect 302        1      no      -         -
307 five times                    get post            6     answer              -      -       -         -
half a 307                        get post            2     answer              -      -       -         -
300                               get                 1     Redirect 300        1      no      -         -
300                               post                1     Redirect 300        1      yes     -         -
304                               get                 1     Redirect 304        1      no      -         -
304                               post                1     Redirect 304        1      yes     -         -
305                               get                 1     Redirect 305        1      no      -         -
305                               post                1     Redirect 305        1      yes     -         -
307 here, 503, then well          get post patch del  3     answer              -      -       .1        -
307 here, closed, then well       get del             3     answer              -      -       .1        -
307 here, closed, then well       post patch          2     ResponseIncomplete  1      yes     -         -
307 here, 404                     get del             2     NotFound 404        1      no      -         -
503, 307 here                     get post patch del  3     answer              -      -       .1        -
closed, 307 here, 404             del                 3     answer              -      -       .1        -

A container is stopped and started by a POST without a body, and watched by a GET: text is lost as JSON is.
refused                           stop start logs wait health  0  Connection          3      no      .1 .2     -
refused, then well                stop start logs wait health  1  answer              -      -       .1        -
no such host                      stop start logs wait health  0  Connection          3      no      .1 .2     -
401                               stop start logs wait health  1  Authentication 401  1      no      -         -
404                               stop start logs wait  1     NotFound 404        1      no      -         -
409                               stop start logs     1     Conflict 409        1      no      -         -
422                               stop start logs     1     Validation 422      1      no      -         -
429                               stop start logs wait health  3  RateLimit 429       3      no      .1 .2     -
429 after 7                       stop start logs wait health  2  answer              -      -       7         -
500                               stop start          1     Server 500          1      yes     -         -
500                               logs wait health    1     Server 500          1      no      -         -
502                               stop start          1     Server 502          1      yes     -         -
502, then well                    logs wait health    2     answer              -      -       .1        -
503, then well                    stop start logs wait health  2  answer              -      -       .1        -
504, then well                    stop start          1     Server 504          1      yes     -         -
504, then well                    logs wait health    2     answer              -      -       .1        -
closed                            stop start          1     ResponseIncomplete  1      yes     -         -
                                  + text="may have"
closed                            logs wait health    3     ResponseIncomplete  3      no      .1 .2     -
reset, then well                  stop start          1     ResponseIncomplete  1      yes     -         -
reset, then well                  logs wait health    2     answer              -      -       .1        -
half a body                       stop start          1     ResponseIncomplete  1      yes     -         -
half a body                       logs wait           3     ResponseIncomplete  3      no      .1 .2     -
half of chunks                    logs                3     ResponseIncomplete  3      no      .1 .2     -
silence; create=.05               stop start          1     Timeout             1      yes     -         .05
silence; read=.05                 logs health         3     Timeout             3      no      .1 .2     .15
silence; deadline=.3              stop start          1     Timeout             1      yes     -         .3
silence; deadline=.3              logs health         1     Timeout             1      no      -         .3
silence; deadline=.3              wait                1     Timeout             1      no      -         .3
                                  + text="was to be 'running' within 300 s, and nothing was known of it"
late; read=.05                    start               1     answer              -      -       -         .2
dripped body; deadline=.3         logs                1     Timeout             1      no      -         .3
kept                              stop start logs wait health  1  answer              -      -       -         -
                                  + connections=1
stale                             stop start logs wait health  1  answer              -      -       -         -
                                  + connections=2
kept, closed                      stop start          1     ResponseIncomplete  1      yes     -         -
kept, closed                      logs wait health    2     answer              -      -       .1        -
an answer unasked for             stop start logs wait health  1  answer              -      -       -         -
100 first                         stop start logs wait health  1  answer              -      -       -         -
200 with HTML                     stop start          1     ResponseDecode 200  1      yes     -         -
200 with HTML                     logs wait health    1     ResponseDecode 200  1      no      -         -
                                  + text="Sign in"
200 with nothing                  stop start          1     ResponseDecode 200  1      yes     -         -
200 with an object                logs                1     ResponseDecode 200  1      no      -         -
                                  + text="text was due"
200 with no gzip                  logs                1     ResponseDecode 200  1      no      -         -
                                  + text="text was due"
307 here                          stop start logs wait health  2  answer              -      -       -         -
303 here                          stop start          1     Redirect 303        1      yes     -         -
307 elsewhere                     stop start logs wait health  1  Redirect 307        1      no      -         -

All pages.
next elsewhere                    all iter            2     rows 1 2 3          -      -       -         -
cursors                           all iter            3     rows 1 2 3          -      -       -         -
page 2: 503, then well            all iter            3     rows 1 2 3          -      -       .1        -
page 2: closed, then well         all iter            3     rows 1 2 3          -      -       .1        -
page 2: 503                       all iter            4     Server 503          3      no      .1 .2     -
                                  + text="2 rows"
page 2: 500                       all iter            2     Server 500          1      no      -         -
                                  + text="2 rows"
page 2: 404                       all iter            2     NotFound 404        1      no      -         -
                                  + text="2 rows"
page 2: closed                    all iter            4     ResponseIncomplete  3      no      .1 .2     -
                                  + text="2 rows"
page 2: 307 elsewhere             all iter            2     Redirect 307        1      no      -         -
                                  + text="2 rows"
page 2: an array                  all iter            2     ResponseDecode 200  1      no      -         -
                                  + text="2 rows"
page 2: no results                all iter            2     ResponseDecode 200  1      no      -         -
                                  + text="2 rows"
page 2: leads to itself           all iter            2     ResponseDecode 200  1      no      -         -
page 2: too many                  all iter            2     ResponseDecode 200  1      no      -         -
page 2: too few                   all iter            2     ResponseDecode 200  1      no      -         -
page 2: page 1 again              all iter            2     ResponseDecode 200  1      no      -         -
a next of another kind            all iter            1     ResponseDecode 200  1      no      -         -
a next that is no URL             all iter            1     ResponseDecode 200  1      no      -         -
a next that is no text            all iter            1     ResponseDecode 200  1      no      -         -
a count of another kind           all iter            1     ResponseDecode 200  1      no      -         -
endless equal pages               all iter            2     ResponseDecode 200  1      no      -         -
"""

_CLASSES = {re.sub("^Client|Error$", "", name) or "Client": getattr(exceptions, name) for name in exceptions.__all__}


@frozen
class Row:
    """A row of the table.

    Attributes:
        fault: The name of what goes wrong.
        given: What the client is given: times in seconds, and `retries`.
        call: The name of the call.
        came: How many requests arrive.
        error: The exact class of the error, or None.
        status: The error's status.
        rows: The numbers of the records that come, where it is not the usual answer that does.
        tries: The error's attempts.
        effect: Whether the request may have taken effect, or None where it depends on the call alone.
        naps: What is waited between the attempts.
        least: How long the call takes at the least.
        connections: How many connections were made, with that of the call before, or None where it does not matter.
        attributes: Further attributes of the error.
        text: What its text has.
        hides: What its text has not.
    """

    fault: str
    given: dict[str, float]
    call: str
    came: int
    error: type[exceptions.ClientError] | None
    status: int | None
    rows: list[int] | None
    tries: int | None
    effect: bool | None
    naps: list[float]
    least: float
    connections: int | None = None
    attributes: dict[str, Any] = field(factory=dict)
    text: str = ""
    hides: str | None = None

    def __str__(self) -> str:
        given = "".join(f"; {name}={value:g}" for name, value in self.given.items())
        return f"{self.fault}{given}: {self.call}"


def read_table(text: str) -> list[Row]:
    """Return the table's rows."""
    rows: list[Row] = []
    last: list[Row] = []
    for line in text.strip().splitlines()[1:]:
        if line.lstrip().startswith("+"):
            added = [_add(row, shlex.split(line.lstrip()[1:])) for row in last]
            rows[-len(last) :] = last = added
        elif len(cells := re.split(r"\s{2,}", line.strip())) > 1:
            last = _read_line(*cells)
            rows += last
    return rows


def _read_line(
    fault: str, calls: str, came: str, ends: str, tries: str, effect: str, naps: str, least: str
) -> list[Row]:
    name, *given = fault.split("; ")
    end, *numbers = ends.split()
    row = Row(
        fault=name,
        given={key: float(value) for key, _, value in (one.partition("=") for one in given)},
        call="",
        came=int(came),
        error=None if end in {"answer", "rows"} else _CLASSES[end],
        status=int(numbers[0]) if numbers and end != "rows" else None,
        rows=[int(number) for number in numbers] if end == "rows" else None,
        tries=None if tries == "-" else int(tries),
        effect={"yes": True, "no": False}.get(effect),
        naps=[] if naps == "-" else [float(nap) for nap in naps.split()],
        least=0.0 if least == "-" else float(least),
    )
    return [evolve(row, call=call) for call in calls.split()]


def _add(row: Row, more: list[str]) -> Row:
    changes: dict[str, Any] = dict(one.split("=", 1) for one in more)
    texts = {name: changes.pop(name) for name in ("text", "hides") if name in changes}
    connections = changes.pop("connections", None)
    if connections is not None:
        row = evolve(row, connections=int(connections))
    return evolve(row, attributes={name: _value(value) for name, value in changes.items()}, **texts)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


ROWS = read_table(TABLE)
