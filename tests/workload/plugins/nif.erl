%% SPDX-License-Identifier: GPL-2.0-only
%% Loads its native functions and calls them; speaks the protocol of tests/workload/common.h.
-module(nif).
-export([main/1, twice/1]).
-nifs([twice/1]).

twice(_) ->
    erlang:nif_error(not_loaded).

main([Path, Rounds]) ->
    N = list_to_integer(Rounds),
    io:format("ready~n"),
    io:get_line(""),
    ok = erlang:load_nif(Path, 0),
    timer:sleep(700),
    Sum = lists:sum([twice(I) || I <- lists:seq(1, N)]),
    {'EXIT', _} = (catch twice(none)),
    io:format("{\"executions\":~b,\"sum\":~b}~n", [N + 1, Sum]),
    io:get_line(""),
    halt(0).
