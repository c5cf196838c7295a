%% SPDX-License-Identifier: GPL-2.0-only
%% Erlang processes whose stacks are known, on the protocol of common.h: each argument is a job that
%% runs until "end". A job is run by job/1; what stands below says which functions call which.
-module(beamjobs).
-behaviour(gen_server).
-export([main/1, job/1]).
-export([init/1, handle_call/3, handle_cast/2]).

main(Jobs) ->
    [spawn(?MODULE, job, [list_to_atom(Job)]) || Job <- Jobs],
    io:format("ready ~s~n", [os:getpid()]),
    wait(io:get_line("")).

wait("end\n") -> halt(0);
wait(eof) -> halt(0);
wait(_) -> wait(io:get_line("")).

%% Work that calls nothing.
spin(0) -> ok;
spin(N) -> spin(N - 1).

again(Work) -> Work(), again(Work).

job(body) -> again(fun() -> body(100) end);
job(tail) -> again(fun() -> even(1000) end);
job(server) ->
    {ok, Pid} = gen_server:start_link(?MODULE, [], []),
    again(fun() -> gen_server:call(Pid, work) end);
job(ets) ->
    Table = ets:new(table, [public, ordered_set]),
    again(fun() -> fill(Table, 1000) end);
job(list) -> again(fun() -> comprehend(lists:seq(1, 1000)) end);
job(binary) ->
    Text = binary:copy(<<"abcdefgh">>, 2000),
    again(fun() -> split(Text) end);
job(term) ->
    Term = lists:seq(1, 5000),
    again(fun() -> encode(Term) end);
job(md5) ->
    Data = binary:copy(<<"x">>, 3000),
    again(fun() -> digest(Data) end);
job(crypto) ->
    Data = binary:copy(<<"x">>, 15000),
    again(fun() -> hash(Data) end);
job(dirty) ->
    Data = binary:copy(<<"x">>, 5000000),
    again(fun() -> hash(Data) end);
job(garbage) -> again(fun() -> waste(20000, []) end);
job(message) ->
    Echo = spawn_link(fun echo/0),
    Big = lists:seq(1, 500),
    again(fun() -> ask(Echo, Big) end);
job(deep) -> again(fun() -> body(1000) end);
job(deeper) -> again(fun() -> body(200000) end);
job(sleep) -> again(fun() -> timer:sleep(20) end);
job(fifo) ->
    {ok, File} = file:open(os:getenv("FIFO"), [read, raw, binary]),
    again(fun() -> take(File) end).

body(0) -> spin(100000), 0;
body(N) -> 1 + body(N - 1).

even(0) -> spin(100000), true;
even(N) -> odd(N - 1).
odd(N) -> even(N - 1).

fill(_, 0) -> ok;
fill(Table, N) ->
    true = ets:insert(Table, {N, N}),
    fill(Table, N - 1),
    ok.

comprehend(List) -> length([shape(X) || X <- List]).
shape(X) -> spin(100), {X, X}.

split(Text) -> length(binary:split(Text, <<"h">>, [global])).
encode(Term) -> size(term_to_binary(Term)).
digest(Data) -> size(erlang:md5(Data)).
hash(Data) -> size(crypto:hash(sha256, Data)).

waste(0, List) -> length(List);
waste(N, List) -> waste(N - 1, [{N, N} | List]).

echo() -> receive {From, Term} -> From ! Term, echo() end.
ask(Echo, Term) -> Echo ! {self(), Term}, receive Answer -> length(Answer) end.

take(File) -> {ok, Data} = file:read(File, 1), size(Data).

init([]) -> {ok, state}.
handle_call(work, _From, State) -> work(), {reply, ok, State}.
handle_cast(_, State) -> {noreply, State}.
work() -> spin(100000), done.
