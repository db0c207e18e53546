"""What the client makes of every fault.

Each line of `TABLE` is a fault, with what the client was given if it matters (`retries=0`, or a time in seconds), and
the calls that it holds for, each of which is a row of its own. Then stands what is seen:

- `came`: how many requests arrived.
- `ends with`: the class of the error, without the `Error` and `Client` of its name, and its `status_code` if it has
  one; or `answer`, the value that the call is made for; or `rows` and their numbers.
- `tries`, `effect`: the error's `attempts`, and whether it says that the request may have taken effect.
- `naps`: what was waited between the attempts. The client is given 0.5 for its random number.
- `within`: the seconds that the call took at the least, where it must not end too early, and at the most.

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
fault                             calls               came  ends with           tries  effect  naps      within

The agent is never reached: any call is tried again, since nothing was done.
refused                           get post patch del  0     Connection          3      no      .1 .2     2
refused                           list page all iter  0     Connection          3      no      .1 .2     2
refused; retries=0                get post patch del  0     Connection          1      no      -         2
refused; retries=1                get post            0     Connection          2      no      .1        2
refused; retries=8                get post  0  Connection  9  no  .1 .2 .4 .8 1.6 3.2 4 4  2
refused; retries=9; deadline=.75  get post patch del  0     Timeout             4      no      .1 .2 .4  2
refused, then well                get post patch del  1     answer              -      -       .1        2
refused, then well                del# all iter       1     answer              -      -       .1        2
refused, 404                      get del del#        1     NotFound 404        2      no      .1        2
refused, closed; retries=1        get                 1     ResponseIncomplete  2      no      .1        2
refused, closed; retries=1        post patch del      1     ResponseIncomplete  2      yes     .1        2
no such host                      get post patch del  0     Connection          3      no      .1 .2     2
full queue; connect=.1            get post patch del  0     Timeout             3      no      .1 .2     .3-2
full queue; deadline=.3           get post patch del  0     Timeout             1      no      -         .3-1.5
busy pool; pool=.1                get post patch del  0     Timeout             3      no      .1 .2     .3-2
busy pool; deadline=.3            get post patch del  0     Timeout             1      no      -         .3-1.5

The agent refuses: final, but for 429.
400                               get post patch del  1     Validation 400      1      no      -         2
                                  + detail=no
401                               get post patch del  1     Authentication 401  1      no      -         2
                                  + detail=no
403                               get post patch del  1     Authorization 403   1      no      -         2
                                  + detail=no
404                               get post patch del  1     NotFound 404        1      no      -         2
                                  + detail=no
404                               get# del# page all  1     NotFound 404        1      no      -         2
405                               get post patch del  1     HTTP 405            1      no      -         2
409                               get post patch del  1     Conflict 409        1      no      -         2
                                  + detail=no
410                               get del             1     HTTP 410            1      no      -         2
413                               post patch          1     HTTP 413            1      no      -         2
422                               get post patch del  1     Validation 422      1      no      -         2
                                  + detail=no
499                               get post            1     HTTP 499            1      no      -         2
401, then well                    get post patch del  1     Authentication 401  1      no      -         2
404, then well                    get post patch del  1     NotFound 404        1      no      -         2
409, then well                    get post patch del  1     Conflict 409        1      no      -         2
422, then well                    get post patch del  1     Validation 422      1      no      -         2
429                               get post patch del  3     RateLimit 429       3      no      .1 .2     2
                                  + detail=no retry_after=null
429; retries=0                    get post patch del  1     RateLimit 429       1      no      -         2
429; retries=4                    get post            5     RateLimit 429       5      no      .1 .2 .4 .8  2
429, then well                    get post patch del  2     answer              -      -       .1        2
429, 503, then well               get post patch del  3     answer              -      -       .1 .2     2
429, 404                          get del del#        2     NotFound 404        2      no      .1        2
413 unread                        big                 1     HTTP 413            1      no      -         2

The agent fails, or a gateway before it: 503 did nothing, 502 and 504 are not known.
500                               get                 1     Server 500          1      no      -         2
500                               post patch del      1     Server 500          1      yes     -         2
500, then well                    get                 1     Server 500          1      no      -         2
500, then well                    post patch del      1     Server 500          1      yes     -         2
501                               get post patch del  1     Server 501          1      no      -         2
501, then well                    get post patch del  1     Server 501          1      no      -         2
505                               get                 1     Server 505          1      no      -         2
599                               get                 1     Server 599          1      no      -         2
599                               post patch del      1     Server 599          1      yes     -         2
700                               get                 1     HTTP 700            1      no      -         2
502                               get                 3     Server 502          3      no      .1 .2     2
502                               del                 3     Server 502          3      yes     .1 .2     2
502                               post patch          1     Server 502          1      yes     -         2
                                  + text="may have" detail=no
504                               get                 3     Server 504          3      no      .1 .2     2
504                               del                 3     Server 504          3      yes     .1 .2     2
504                               post patch          1     Server 504          1      yes     -         2
                                  + text="may have" detail=no
502; retries=0                    get                 1     Server 502          1      no      -         2
502; retries=0                    del                 1     Server 502          1      yes     -         2
503                               get post patch del  3     Server 503          3      no      .1 .2     2
503; retries=0                    get post patch del  1     Server 503          1      no      -         2
502, then well                    get del             2     answer              -      -       .1        2
502, then well                    post patch          1     Server 502          1      yes     -         2
504, then well                    get del             2     answer              -      -       .1        2
504, then well                    post patch          1     Server 504          1      yes     -         2
503, then well                    get post patch del  2     answer              -      -       .1        2
503, then well                    get# del# page all  2     answer              -      -       .1        2
503, 500                          get                 2     Server 500          2      no      .1        2
503, 500                          post patch del      2     Server 500          2      yes     .1        2
503, 502; retries=1               get                 2     Server 502          2      no      .1        2
503, 502; retries=1               post patch del      2     Server 502          2      yes     .1        2

What an error says.
a reason                          get post patch del  1     Server 500          1      ?       -         2
                                  + detail=no request_id=r-1 text=r-1
fields                            post                1     Validation 422      1      no      -         2
                                  + text="body.a: Field required"
a list of text                    get post            1     Validation 422      1      no      -         2
                                  + detail='["boom"]' text=boom
other JSON                        get                 1     Server 500          1      no      -         2
                                  + detail='{"error": "boom"}' text=boom
a page of HTML                    get                 1     Server 500          1      no      -         2
                                  + text="Bad day"
nothing                           get                 1     Server 500          1      no      -         2
                                  + detail=null
bytes                             get                 1     Server 500          1      no      -         2

The answer says when to try again.
429 after 7                       get post patch del  2     answer              -      -       7         2
503 after 7                       get post patch del  2     answer              -      -       7         2
502 after 7                       get del             2     answer              -      -       7         2
502 after 7                       post patch          1     Server 502          1      yes     -         2
                                  + retry_after=7
500 after 7                       get                 1     Server 500          1      no      -         2
                                  + retry_after=7
429 after 0                       get post patch del  2     answer              -      -       -         2
429 after 60; deadline=99         get post patch del  2     answer              -      -       60        2
503 after 60; deadline=99         get post            2     answer              -      -       60        2
429 after 60                      get patch del       1     RateLimit 429       1      no      -         2
                                  + retry_after=60
429 after 61; deadline=99         get post patch del  1     RateLimit 429       1      no      -         2
                                  + retry_after=61 text=61
503 after 61; deadline=99         get post patch del  1     Server 503          1      no      -         2
                                  + retry_after=61 text=61
429 after 7; deadline=5           get post patch del  1     RateLimit 429       1      no      -         2
                                  + retry_after=7
503 after 7; deadline=5           get post patch del  1     Server 503          1      no      -         2
                                  + retry_after=7
429 after 7; retries=0            get post            1     RateLimit 429       1      no      -         2
                                  + retry_after=7
429 after soon                    get post            2     answer              -      -       .1        2
429 after inf                     get post            2     answer              -      -       .1        2
429 after soon; retries=0         get                 1     RateLimit 429       1      no      -         2
                                  + retry_after=null
429 after a date                  get post patch del  2     answer              -      -       30        2
503 after a date                  get post            2     answer              -      -       30        2
429 after a past date             get post            2     answer              -      -       -         2
429 after a far date              get post            1     RateLimit 429       1      no      -         2
                                  + retry_after=3600

The answer is lost: what may have taken effect is done again where that does no harm, and never else.
closed                            get                 3     ResponseIncomplete  3      no      .1 .2     2
closed                            del del#            3     ResponseIncomplete  3      yes     .1 .2     2
closed                            post patch          1     ResponseIncomplete  1      yes     -         2
                                  + text="may have"
closed; retries=0                 get                 1     ResponseIncomplete  1      no      -         2
closed; retries=0                 post patch del      1     ResponseIncomplete  1      yes     -         2
closed; retries=5                 post patch          1     ResponseIncomplete  1      yes     -         2
closed, then well                 get del             2     answer              -      -       .1        2
closed, then well                 get# del# list all  2     answer              -      -       .1        2
closed, then well                 post patch          1     ResponseIncomplete  1      yes     -         2
reset                             get                 3     ResponseIncomplete  3      no      .1 .2     2
reset                             del                 3     ResponseIncomplete  3      yes     .1 .2     2
reset                             post patch          1     ResponseIncomplete  1      yes     -         2
                                  + text="may have"
reset, then well                  get del             2     answer              -      -       .1        2
reset, then well                  post patch          1     ResponseIncomplete  1      yes     -         2
closed unread                     get                 3     ResponseIncomplete  3      no      .1 .2     2
closed unread                     del                 3     ResponseIncomplete  3      yes     .1 .2     2
closed unread                     post patch          1     ResponseIncomplete  1      yes     -         2
closed on connect                 get                 0     ResponseIncomplete  3      no      .1 .2     2
closed on connect                 del                 0     ResponseIncomplete  3      yes     .1 .2     2
closed on connect                 post patch          0     ResponseIncomplete  1      yes     -         2
half a status line                get                 3     ResponseIncomplete  3      no      .1 .2     2
half a status line                del                 3     ResponseIncomplete  3      yes     .1 .2     2
half a status line                post patch          1     ResponseIncomplete  1      yes     -         2
half a head                       get                 3     ResponseIncomplete  3      no      .1 .2     2
half a head                       del                 3     ResponseIncomplete  3      yes     .1 .2     2
half a head                       post patch          1     ResponseIncomplete  1      yes     -         2
not HTTP                          get                 3     ResponseIncomplete  3      no      .1 .2     2
not HTTP                          del                 3     ResponseIncomplete  3      yes     .1 .2     2
not HTTP                          post patch          1     ResponseIncomplete  1      yes     -         2
a status of letters               get                 3     ResponseIncomplete  3      no      .1 .2     2
a status of letters               post patch          1     ResponseIncomplete  1      yes     -         2
two lengths                       get                 3     ResponseIncomplete  3      no      .1 .2     2
two lengths                       post patch          1     ResponseIncomplete  1      yes     -         2
a length of letters               get                 3     ResponseIncomplete  3      no      .1 .2     2
a length of letters               post patch          1     ResponseIncomplete  1      yes     -         2
huge headers                      get                 3     ResponseIncomplete  3      no      .1 .2     2
huge headers                      post patch          1     ResponseIncomplete  1      yes     -         2
101                               get                 3     ResponseIncomplete  3      no      .1 .2     2
101                               post patch          1     ResponseIncomplete  1      yes     -         2
endless headers                   get                 3     ResponseIncomplete  3      no      .1 .2     2
endless headers                   post patch          1     ResponseIncomplete  1      yes     -         2
503, closed, then well            get del             3     answer              -      -       .1 .2     2
503, closed, then well            post patch          2     ResponseIncomplete  2      yes     .1        2

A delete that was done before, as far as is known, has done its work when there is nothing left to delete.
closed, 404                       del del#            2     answer              -      -       .1        2
closed, 404                       get                 2     NotFound 404        2      no      .1        2
reset, 404                        del del#            2     answer              -      -       .1        2
502, 404                          del del#            2     answer              -      -       .1        2
504, 404                          del del#            2     answer              -      -       .1        2
503, 404                          del del#            2     NotFound 404        2      no      .1        2
closed, 503, 404                  del                 3     answer              -      -       .1 .2     2
closed, 503, 404                  get                 3     NotFound 404        3      no      .1 .2     2
silence, 404; read=.15            del                 2     answer              -      -       .1        .15-2
not HTTP, 404                     del                 2     answer              -      -       .1        2
closed on connect, 404            del                 1     answer              -      -       .1        2
half a 502, 404                   del                 2     answer              -      -       .1        2
closed, 401                       get                 2     Authentication 401  2      no      .1        2
closed, 401                       del                 2     Authentication 401  2      yes     .1        2
closed, 500                       get                 2     Server 500          2      no      .1        2
closed, 500                       del                 2     Server 500          2      yes     .1        2
closed, 503, 429                  get                 3     RateLimit 429       3      no      .1 .2     2
closed, 503, 429                  del                 3     RateLimit 429       3      yes     .1 .2     2

The body is lost: what the head says counts, and a delete needs no more.
half a body                       get                 3     ResponseIncomplete  3      no      .1 .2     2
half a body                       post patch          1     ResponseIncomplete  1      yes     -         2
                                  + text="may have"
half a body                       del                 1     answer              -      -       -         2
half a body, then well            get                 2     answer              -      -       .1        2
half a body, then well            post patch          1     ResponseIncomplete  1      yes     -         2
no body                           get                 3     ResponseIncomplete  3      no      .1 .2     2
no body                           post patch          1     ResponseIncomplete  1      yes     -         2
no body                           del                 1     answer              -      -       -         2
half a body, reset                get                 3     ResponseIncomplete  3      no      .1 .2     2
half a body, reset                post patch          1     ResponseIncomplete  1      yes     -         2
half a body, reset                del                 1     answer              -      -       -         2
half of chunks                    get                 3     ResponseIncomplete  3      no      .1 .2     2
half of chunks                    post patch          1     ResponseIncomplete  1      yes     -         2
half of chunks                    del                 1     answer              -      -       -         2
half a chunk                      get                 3     ResponseIncomplete  3      no      .1 .2     2
half a chunk                      post patch          1     ResponseIncomplete  1      yes     -         2
no chunk                          get                 3     ResponseIncomplete  3      no      .1 .2     2
no chunk                          post patch          1     ResponseIncomplete  1      yes     -         2
no chunk                          del                 1     answer              -      -       -         2
half a 401                        get post patch del  1     Authentication 401  1      no      -         2
half a 404                        get post patch del  1     NotFound 404        1      no      -         2
half a 422                        get post patch del  1     Validation 422      1      no      -         2
half a 429                        get post patch del  3     RateLimit 429       3      no      .1 .2     2
half a 500                        get                 1     Server 500          1      no      -         2
half a 500                        post patch del      1     Server 500          1      yes     -         2
half a 502                        get                 3     Server 502          3      no      .1 .2     2
half a 502                        post patch          1     Server 502          1      yes     -         2
half a 503                        get post patch del  3     Server 503          3      no      .1 .2     2
half a 503, then well             get post patch del  2     answer              -      -       .1        2

The answer takes too long.
silence; read=.15                 get                 3     Timeout             3      no      .1 .2     .45-2
silence; read=.15                 del                 3     Timeout             3      yes     .1 .2     .45-2
silence; read=.15                 patch               1     Timeout             1      yes     -         .15-2
                                  + text="may have"
silence; create=.15               post                1     Timeout             1      yes     -         .15-2
                                  + text="may have"
silence; retries=0; read=.15      get                 1     Timeout             1      no      -         .15-2
silence, then well; read=.15      get del             2     answer              -      -       .1        .15-2
late; read=.15                    post                1     answer              -      -       -         .4-2
late; deadline=9                  get patch del       1     answer              -      -       -         .4-2
silence; deadline=.3              get                 1     Timeout             1      no      -         .3-1.5
silence; deadline=.3              post patch del      1     Timeout             1      yes     -         .3-1.5
                                  + text="may have"
silence; deadline=.3              list page all iter  1     Timeout             1      no      -         .3-1.5
silence; read=.2; deadline=.4     get                 2     Timeout             2      no      .1        .4-1.5
half a status line, silence; deadline=.3   get        1     Timeout             1      no      -         .3-1.5
half a status line, silence; deadline=.3   post       1     Timeout             1      yes     -         .3-1.5
half a head, silence; read=.15    get                 3     Timeout             3      no      .1 .2     .45-2
half a head, silence; read=.15    patch               1     Timeout             1      yes     -         .15-2
half a body, silence; read=.15    get                 3     Timeout             3      no      .1 .2     .45-2
half a body, silence; read=.15    patch               1     Timeout             1      yes     -         .15-2
half a body, silence; create=.15  post                1     Timeout             1      yes     -         .15-2
half a body, silence; read=.15    del                 1     answer              -      -       -         2
half a 422, silence; read=.15     get patch del       1     Validation 422      1      no      -         2
dripped head; deadline=.3         get                 1     Timeout             1      no      -         .3-1.5
dripped head; deadline=.3         post patch del      1     Timeout             1      yes     -         .3-1.5
dripped body; deadline=.3         get                 1     Timeout             1      no      -         .3-1.5
dripped body; deadline=.3         post patch          1     Timeout             1      yes     -         .3-1.5
dripped body; deadline=.3         del                 1     answer              -      -       -         1.5
dripped 422; deadline=.3          get post patch del  1     Validation 422      1      no      -         1.5
dripped 503; deadline=.3          get post            1     Timeout             1      no      -         1.5
endless 100; deadline=.3          get                 1     Timeout             1      no      -         .3-1.5
endless 100; deadline=.3          post                1     Timeout             1      yes     -         .3-1.5
late 503, silence; deadline=.5    get                 2     Timeout             2      no      .1        .5-1.5
late 503, silence; deadline=.5    post patch del      2     Timeout             2      yes     .1        .5-1.5
never read; write=.2              big                 0     Timeout             1      yes     -         .2-2
never read; deadline=.6           big                 0     Timeout             1      yes     -         .6-3
never accepted; read=.15          get                 0     Timeout             3      no      .1 .2     .45-2
never accepted; read=.15          patch               0     Timeout             1      yes     -         .15-2
never accepted; deadline=.3       get                 0     Timeout             1      no      -         .3-1.5
never accepted; deadline=.3       post patch del      0     Timeout             1      yes     -         .3-1.5

A connection was kept alive: one that was closed before the request went out does not count, one closed after does.
kept                              get post patch del  1     answer              -      -       -         2
                                  + connections=1
kept, in chunks                   get post patch del  1     answer              -      -       -         2
                                  + connections=1
kept, zipped                      get post            1     answer              -      -       -         2
                                  + connections=1
kept, in pieces                   get post            1     answer              -      -       -         2
                                  + connections=1
kept, after a 404                 get post            1     answer              -      -       -         2
                                  + connections=1
stale                             get post patch del  1     answer              -      -       -         2
                                  + connections=2
stale, reset                      get post patch del  1     answer              -      -       -         2
stale, with a 408                 get post patch del  1     answer              -      -       -         2
said to close                     get post patch del  1     answer              -      -       -         2
more than its length              get post patch del  1     answer              -      -       -         2
an answer unasked for             get post patch del  1     answer              -      -       -         2
chunks unasked for                get post patch del  1     answer              -      -       -         2
chunks and an answer              get post patch del  1     answer              -      -       -         2
a late answer unasked for         get post patch del  1     answer              -      -       -         2
204 with a body                   get post patch del  1     answer              -      -       -         2
kept, closed                      get del             2     answer              -      -       .1        2
kept, closed                      post patch          1     ResponseIncomplete  1      yes     -         2
                                  + text="may have"
kept, closed unread               get del             2     answer              -      -       .1        2
kept, closed unread               post patch          1     ResponseIncomplete  1      yes     -         2
kept, reset                       get del             2     answer              -      -       .1        2
kept, reset                       post patch          1     ResponseIncomplete  1      yes     -         2
kept, half a status line          get del             2     answer              -      -       .1        2
kept, half a status line          post patch          1     ResponseIncomplete  1      yes     -         2
kept, 503, closed; retries=1      post patch          2     ResponseIncomplete  2      yes     .1        2

Answers that are unusual, and right.
100 first                         get post patch del  1     answer              -      -       -         2
103 first                         get post patch del  1     answer              -      -       -         2
202                               get del             1     answer              -      -       -         2
without a length                  get del             1     answer              -      -       -         2
in chunks                         get del             1     answer              -      -       -         2
in pieces                         get del             1     answer              -      -       -         2
zipped                            get del             1     answer              -      -       -         2

A success without what was asked for is none, but for a delete, which asks for nothing.
200 with HTML                     get list page all   1     ResponseDecode 200  1      no      -         2
                                  + text="Sign in"
200 with HTML                     post patch          1     ResponseDecode 200  1      yes     -         2
200 with HTML                     del                 1     answer              -      -       -         2
200 with nothing                  get list page iter  1     ResponseDecode 200  1      no      -         2
200 with nothing                  post patch          1     ResponseDecode 200  1      yes     -         2
200 with nothing                  del                 1     answer              -      -       -         2
204                               get list page       1     ResponseDecode 204  1      no      -         2
204                               post patch          1     ResponseDecode 204  1      yes     -         2
200 with half JSON                get list            1     ResponseDecode 200  1      no      -         2
200 with half JSON                post patch          1     ResponseDecode 200  1      yes     -         2
200 with two JSONs                get                 1     ResponseDecode 200  1      no      -         2
200 with bytes                    get                 1     ResponseDecode 200  1      no      -         2
200 with an array                 get page all iter   1     ResponseDecode 200  1      no      -         2
200 with an array                 post patch          1     ResponseDecode 200  1      yes     -         2
200 with an array                 del                 1     answer              -      -       -         2
200 with an object                list all iter       1     ResponseDecode 200  1      no      -         2
200 with text                     get list            1     ResponseDecode 200  1      no      -         2
200 with a number                 get list            1     ResponseDecode 200  1      no      -         2
200 with null                     get list            1     ResponseDecode 200  1      no      -         2
200 with null                     post patch          1     ResponseDecode 200  1      yes     -         2
200 with a depth                  get list            1     ResponseDecode 200  1      no      -         2
200 with a long number            get                 1     ResponseDecode 200  1      no      -         2
200 with no gzip                  get                 1     ResponseDecode 200  1      no      -         2
200 with no gzip                  post patch          1     ResponseDecode 200  1      yes     -         2
200 with no gzip                  del                 1     answer              -      -       -         2
200 with half a gzip              get                 1     ResponseDecode 200  1      no      -         2
422 with no gzip                  get post patch del  1     Validation 422      1      no      -         2
503 with no gzip                  get post            3     Server 503          3      no      .1 .2     2

The agent points elsewhere: followed to the same origin, as the same request.
307 here                          get post patch del  2     answer              -      -       -         2
308 here                          get post patch del  2     answer              -      -       -         2
301 here                          get                 2     answer              -      -       -         2
302 here                          get                 2     answer              -      -       -         2
303 here                          get                 2     answer              -      -       -         2
301 here                          post patch del      1     Redirect 301        1      yes     -         2
                                  + text=?moved
302 here                          post patch del      1     Redirect 302        1      yes     -         2
                                  + text=?moved
303 here                          post patch del      1     Redirect 303        1      yes     -         2
                                  + text=?moved
301 elsewhere                     get                 1     Redirect 301        1      no      -         2
301 elsewhere                     post patch del      1     Redirect 301        1      yes     -         2
302 elsewhere                     get                 1     Redirect 302        1      no      -         2
302 elsewhere                     post patch del      1     Redirect 302        1      yes     -         2
303 elsewhere                     get                 1     Redirect 303        1      no      -         2
303 elsewhere                     post patch del      1     Redirect 303        1      yes     -         2
307 elsewhere                     get post patch del  1     Redirect 307        1      no      -         2
                                  + text=?moved
308 elsewhere                     get post patch del  1     Redirect 308        1      no      -         2
                                  + text=?moved
307 to //                         get post            1     Redirect 307        1      no      -         2
307 with a password               get post            1     Redirect 307        1      no      -         2
                                  + text=?moved hides=hunter2
307 to https                      get post patch del  1     Redirect 307        1      no      -         2
                                  + text="base_url='https://127.0.0.1"
307 to its other name             get post            1     Redirect 307        1      no      -         2
307 here, with a password         get post            2     answer              -      -       -         2
307 to nowhere                    get post            1     Redirect 307        1      no      -         2
307 to no URL                     get post            1     Redirect 307        1      no      -         2
307 to a mailbox                  get post            1     Redirect 307        1      no      -         2
307 in a circle                   get post patch del  6     Redirect 307        1      no      -         2
302 in a circle                   get                 6     Redirect 302        1      no      -         2
307 five times                    get post            6     answer              -      -       -         2
half a 307                        get post            2     answer              -      -       -         2
300                               get                 1     Redirect 300        1      no      -         2
300                               post                1     Redirect 300        1      yes     -         2
304                               get                 1     Redirect 304        1      no      -         2
304                               post                1     Redirect 304        1      yes     -         2
305                               get                 1     Redirect 305        1      no      -         2
305                               post                1     Redirect 305        1      yes     -         2
307 here, 503, then well          get post patch del  3     answer              -      -       .1        2
307 here, closed, then well       get del             3     answer              -      -       .1        2
307 here, closed, then well       post patch          2     ResponseIncomplete  1      yes     -         2
307 here, 404                     get del             2     NotFound 404        1      no      -         2
503, 307 here                     get post patch del  3     answer              -      -       .1        2
closed, 307 here, 404             del                 3     answer              -      -       .1        2

A container is stopped and started by a POST without a body, and watched by a GET: text is lost as JSON is.
refused                           stop start logs wait health  0  Connection          3      no      .1 .2     2
refused, then well                stop start logs wait health  1  answer              -      -       .1        2
no such host                      stop start logs wait health  0  Connection          3      no      .1 .2     2
401                               stop start logs wait health  1  Authentication 401  1      no      -         2
404                               stop start logs wait  1     NotFound 404        1      no      -         2
409                               stop start logs     1     Conflict 409        1      no      -         2
422                               stop start logs     1     Validation 422      1      no      -         2
429                               stop start logs wait health  3  RateLimit 429       3      no      .1 .2     2
429 after 7                       stop start logs wait health  2  answer              -      -       7         2
500                               stop start          1     Server 500          1      yes     -         2
500                               logs wait health    1     Server 500          1      no      -         2
502                               stop start          1     Server 502          1      yes     -         2
502, then well                    logs wait health    2     answer              -      -       .1        2
503, then well                    stop start logs wait health  2  answer              -      -       .1        2
504, then well                    stop start          1     Server 504          1      yes     -         2
504, then well                    logs wait health    2     answer              -      -       .1        2
closed                            stop start          1     ResponseIncomplete  1      yes     -         2
                                  + text="may have"
closed                            logs wait health    3     ResponseIncomplete  3      no      .1 .2     2
reset, then well                  stop start          1     ResponseIncomplete  1      yes     -         2
reset, then well                  logs wait health    2     answer              -      -       .1        2
half a body                       stop start          1     ResponseIncomplete  1      yes     -         2
half a body                       logs wait           3     ResponseIncomplete  3      no      .1 .2     2
half of chunks                    logs                3     ResponseIncomplete  3      no      .1 .2     2
silence; create=.15               stop start          1     Timeout             1      yes     -         .15-2
silence; read=.15                 logs health         3     Timeout             3      no      .1 .2     .45-2
silence; deadline=.3              stop start          1     Timeout             1      yes     -         .3-1.5
silence; deadline=.3              logs health         1     Timeout             1      no      -         .3-1.5
silence; deadline=.3              wait                1     Timeout             1      no      -         .3-1.5
                                  + text="was to be 'running' within 300 s, and nothing was known of it"
late; read=.15                    start               1     answer              -      -       -         .4-2
dripped body; deadline=.3         logs                1     Timeout             1      no      -         .3-1.5
kept                              stop start logs wait health  1  answer              -      -       -         2
                                  + connections=1
stale                             stop start logs wait health  1  answer              -      -       -         2
                                  + connections=2
kept, closed                      stop start          1     ResponseIncomplete  1      yes     -         2
kept, closed                      logs wait health    2     answer              -      -       .1        2
an answer unasked for             stop start logs wait health  1  answer              -      -       -         2
100 first                         stop start logs wait health  1  answer              -      -       -         2
200 with HTML                     stop start          1     ResponseDecode 200  1      yes     -         2
200 with HTML                     logs wait health    1     ResponseDecode 200  1      no      -         2
                                  + text="Sign in"
200 with nothing                  stop start          1     ResponseDecode 200  1      yes     -         2
200 with an object                logs                1     ResponseDecode 200  1      no      -         2
                                  + text="text was due"
200 with no gzip                  logs                1     ResponseDecode 200  1      no      -         2
                                  + text="text was due"
307 here                          stop start logs wait health  2  answer              -      -       -         2
303 here                          stop start          1     Redirect 303        1      yes     -         2
307 elsewhere                     stop start logs wait health  1  Redirect 307        1      no      -         2

All pages.
next elsewhere                    all iter            2     rows 1 2 3          -      -       -         2
cursors                           all iter            3     rows 1 2 3          -      -       -         2
page 2: 503, then well            all iter            3     rows 1 2 3          -      -       .1        2
page 2: closed, then well         all iter            3     rows 1 2 3          -      -       .1        2
page 2: 503                       all iter            4     Server 503          3      no      .1 .2     2
                                  + text="2 rows"
page 2: 500                       all iter            2     Server 500          1      no      -         2
                                  + text="2 rows"
page 2: 404                       all iter            2     NotFound 404        1      no      -         2
                                  + text="2 rows"
page 2: closed                    all iter            4     ResponseIncomplete  3      no      .1 .2     2
                                  + text="2 rows"
page 2: 307 elsewhere             all iter            2     Redirect 307        1      no      -         2
                                  + text="2 rows"
page 2: an array                  all iter            2     ResponseDecode 200  1      no      -         2
                                  + text="2 rows"
page 2: no results                all iter            2     ResponseDecode 200  1      no      -         2
                                  + text="2 rows"
page 2: leads to itself           all iter            2     ResponseDecode 200  1      no      -         2
page 2: too many                  all iter            2     ResponseDecode 200  1      no      -         2
page 2: too few                   all iter            2     ResponseDecode 200  1      no      -         2
page 2: page 1 again              all iter            2     ResponseDecode 200  1      no      -         2
a next of another kind            all iter            1     ResponseDecode 200  1      no      -         2
a next that is no URL             all iter            1     ResponseDecode 200  1      no      -         2
a next that is no text            all iter            1     ResponseDecode 200  1      no      -         2
a count of another kind           all iter            1     ResponseDecode 200  1      no      -         2
endless equal pages               all iter            2     ResponseDecode 200  1      no      -         2
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
        most: How long the call takes at the most.
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
    most: float
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
    fault: str, calls: str, came: str, ends: str, tries: str, effect: str, naps: str, within: str
) -> list[Row]:
    name, *given = fault.split("; ")
    end, *numbers = ends.split()
    least, _, most = within.rpartition("-")
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
        least=float(least or 0),
        most=float(most),
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
