// Code generated from api/openapi.json by "npm run generate"; DO NOT EDIT.

export interface paths {
    "/search": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Search traces or spans
         * @description One page, newest first. `next` of the answer is what `after` takes to get the following page.
         */
        get: operations["search"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/series": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Compute time series from spans */
        get: operations["series"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/dependencies": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Who called whom */
        get: operations["dependencies"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/quality": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * How well services are instrumented
         * @description Holds the spans of each service against the rules of the Instrumentation Score that traces can answer, which make its score, and against Clew's own, which do not count. A rule fails if any span breaks it. If there are more than about a million spans, parts of them are chosen by chance, and `looked` is less than `spans`. A sampled span counts as the spans that it stands for. Spans dated before 2000 or in the future are found whichever range is asked for.
         */
        get: operations["quality"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/services": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * How services and their operations did
         * @description Rate, errors and durations of the requests of each service: its spans of kind server or consumer, those without a parent, and those whose parent is of another service. A sampled span (`ot=th` of its trace state) counts as the spans that it stands for.
         */
        get: operations["services"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/diff": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * How one trace differs from another one
         * @description Nodes are the paths of both traces: who called whom from the root on, each by service, name and kind. Spans are matched from the roots down: of the spans below two that match, those with the same path match in the order of their starts. A span took longer (or shorter) if it did by more than a tenth and by more than a 200th of the shorter trace.
         */
        get: operations["diff"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/differs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What differs between a selection of spans and others
         * @description Every attribute, ranked by how its values differ between the selection and the baseline: what `q` matches and is not in the selection. The selection is what `selection` matches, or `q`, within its own range of time and of durations, so that a box of a heatmap can be asked about.
         */
        get: operations["differs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/tags": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Names of attributes and intrinsics */
        get: operations["tags"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/tags/{tag}/values": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Values of an attribute or intrinsic */
        get: operations["tagValues"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/traces/{traceId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A trace as it was sent */
        get: operations["trace"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/traces/{traceId}/view": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * A trace as a tree, in columns, with what it tells
         * @description The rows are the spans depth first, siblings by start and then by id. Further requests about the view name it, so that they are about the same rows.
         */
        get: operations["traceView"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/traces/{traceId}/column": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The values of one attribute on all rows */
        get: operations["traceColumn"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/traces/{traceId}/find": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The rows that match */
        get: operations["traceFind"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/traces/{traceId}/spans/{span}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** All that is known of a span */
        get: operations["traceSpan"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/traces/{traceId}/logs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The log records of a trace
         * @description Oldest first, also of a trace whose spans are not there: `traceFound` and `note` say so. `next` of the answer is what `after` takes to get the following page.
         */
        get: operations["traceLogs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/logs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send log records as lines of JSON
         * @description Each line is an object with a `trace_id`, and with what it has of `span_id`, `time`, `level`, `message` and `service`, by any of their usual names; all else becomes attributes. Lines without a trace id are counted and not kept.
         */
        post: operations["logLines"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/traces/{traceId}/statistics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The spans of a trace in groups */
        get: operations["traceStatistics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/status": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Where the server listens, what time it has, and what bounds it */
        get: operations["status"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/doctor": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What keeps traces from arriving, from being whole and from being found
         * @description What the server counts and has stored. `clew doctor` looks from where an application runs as well: at its variables, the way to the server, and whether spans are found that it sends.
         */
        get: operations["doctor"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/sampling": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What SDKs are told about sampling, and what is kept at the tail
         * @description The strategies of a file, the probabilities that adaptive sampling has found, and what tail sampling decided in the last day.
         */
        get: operations["sampling"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/sampling/keep": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Keep traces that tail sampling has not decided about yet
         * @description All that the query finds among them stay, whatever the policies say.
         */
        post: operations["keep"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/sampling/simulate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Try policies of tail sampling on stored traces
         * @description What the policies would have kept of the traces that start in a range, and how far rates would be off. Traces are decided in slices by when they start, oldest first. When the time of a query runs out, `untilTimeUnixNano` is before the end, and the answer is about what starts earlier. One simulation runs at a time.
         */
        post: operations["simulate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/percentile": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Where a duration lies among those of an operation's spans
         * @description Sampled spans count as many times as they stand for.
         */
        get: operations["percentile"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/uploads": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Open traces from a file
         * @description Nothing of it is stored: the views are kept for some time and are opened by `/traces/{traceId}/view?view=`.
         */
        post: operations["upload"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/openapi.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** This document */
        get: operations["description"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        ErrorAnswer: {
            error: components["schemas"]["ErrorBody"];
        };
        ErrorBody: {
            /** @description The status */
            code: number;
            message: string;
            /** @description Where in the query; there if its text is to blame */
            line?: number;
            column?: number;
            /** @description The line of the query, and below it a caret under the place */
            caret?: string;
            /** @description What was decided about a trace that is not there any more */
            sampledOut?: components["schemas"]["SamplingDecision"];
        };
        /** @description What tail sampling decided about a trace */
        SamplingDecision: {
            /** @description The policy that decided; empty if none matched */
            policy: string;
            /** Format: date-time */
            at: string;
            kept: boolean;
            /** @description The share of such traces that is kept */
            keepRate: number;
            /** @description The trace stays, whatever was decided */
            dryRun?: boolean;
            /** @description The same in words */
            reason: string;
        };
        SearchResult: {
            /** @description What was asked, in TraceQL */
            query: string;
            /** @description With mode=traces */
            traces?: components["schemas"]["TraceSummary"][];
            /** @description With mode=spans */
            spans?: components["schemas"]["FoundSpan"][];
            /** @description `after` of the following page, if there is one */
            next?: string;
            gaps?: components["schemas"]["Gaps"];
            stats: components["schemas"]["Stats"];
            /** @description With explain=true */
            plan?: components["schemas"]["Look"][];
        };
        /** @description An event: its name and the document that is its data */
        SearchEvent: components["schemas"]["ProgressEvent"] | {
            /** @enum {string} */
            event: "partial" | "result";
            data: components["schemas"]["SearchResult"];
        } | components["schemas"]["ErrorEvent"];
        TraceSummary: {
            traceId: components["schemas"]["TraceId"];
            startTimeUnixNano: components["schemas"]["Uint64"];
            durationNanos: components["schemas"]["Uint64"];
            /** @description Whether the root span is there; if not, the names are those of the earliest span without its parent */
            root: boolean;
            rootServiceName: string;
            rootSpanName: string;
            spanCount: number;
            errorCount: number;
            /** @description Spans whose parent is missing */
            orphanCount: number;
            /** @description Of all span sets */
            matchedCount: number;
            services: components["schemas"]["ServiceCount"][];
            spanSets: components["schemas"]["SpanSet"][];
        };
        ServiceCount: {
            name: string;
            spanCount: number;
            errorCount: number;
        };
        SpanSet: {
            /** @description How many spans the set has */
            matched: number;
            /** @description Of by() and of aggregates */
            attributes?: components["schemas"]["Attribute"][];
            /** @description The first ones by start */
            spans: components["schemas"]["FoundSpan"][];
        };
        FoundSpan: {
            traceId?: components["schemas"]["TraceId"];
            spanId: components["schemas"]["SpanId"];
            startTimeUnixNano: components["schemas"]["Uint64"];
            durationNanos: components["schemas"]["Int64"];
            name: string;
            serviceName: string;
            /** @description Values that the query mentions */
            attributes?: components["schemas"]["Attribute"][];
        };
        SeriesResult: {
            /** @description What was asked, in TraceQL */
            query: string;
            stepNanos: components["schemas"]["Uint64"];
            /** @description Ends of the intervals */
            timesUnixMilli: number[];
            series: components["schemas"]["Series"][];
            gaps?: components["schemas"]["Gaps"];
            stats: components["schemas"]["Stats"];
            /** @description With explain=true */
            plan?: components["schemas"]["Look"][];
        };
        /** @description An event: its name and the document that is its data */
        SeriesEvent: components["schemas"]["ProgressEvent"] | {
            /** @enum {string} */
            event: "partial" | "result";
            data: components["schemas"]["SeriesResult"];
        } | components["schemas"]["ErrorEvent"];
        Series: {
            labels: components["schemas"]["Attribute"][];
            /** @description One for each of the times */
            values: components["schemas"]["Number"][];
            exemplars?: components["schemas"]["Exemplar"][];
        };
        Exemplar: {
            traceId: components["schemas"]["TraceId"];
            spanId: components["schemas"]["SpanId"];
            timeUnixNano: components["schemas"]["Uint64"];
            value: components["schemas"]["Number"];
            labels?: components["schemas"]["Attribute"][];
        };
        /** @description null where there is no value */
        Number: number | ("Infinity" | "-Infinity") | null;
        ProgressEvent: {
            /** @enum {string} */
            event: "progress";
            data: components["schemas"]["Progress"];
        };
        ErrorEvent: {
            /** @enum {string} */
            event: "error";
            data: components["schemas"]["ErrorAnswer"];
        };
        Progress: {
            /** @description Chunks */
            done: number;
            total: number;
            stats: components["schemas"]["Stats"];
        };
        /** @description What the answer cost */
        Stats: {
            /** @description Spans that were looked at */
            rows: number;
            chunksRead: number;
            /** @description Chunks of which no rows were read */
            chunksSkipped: number;
            /** @description From the disk */
            bytesRead: number;
        };
        /** @description What could not be read or was left out */
        Gaps: string[];
        /** @description One look through the store */
        Look: {
            /** @description A trace is left out if one of these conditions holds on none of its spans */
            needs?: string[];
            /** @description Conditions that the store judges for the query */
            where?: string[];
            /** @description What the store reads for the query */
            columns?: string[];
            /** @description The spans of a trace are looked at together */
            wholeTraces: boolean;
            /** @description Older traces are left out as soon as there are enough */
            stopsEarly: boolean;
            stats: components["schemas"]["Stats"];
        };
        ServiceGraph: {
            nodes: components["schemas"]["GraphNode"][];
            edges: components["schemas"]["GraphEdge"][];
            gaps?: components["schemas"]["Gaps"];
            stats: components["schemas"]["Stats"];
        };
        GraphNode: {
            name: string;
            /**
             * @description All but a service are only known by what the spans of services tell
             * @enum {string}
             */
            kind: "service" | "database" | "messaging" | "external";
            /** @description Spans that it sent */
            spans: number;
            errors: number;
        };
        /** @description All calls of one node by another */
        GraphEdge: {
            caller: string;
            callee: string;
            /** @enum {string} */
            connection: "call" | "messaging" | "database";
            calls: number;
            /** @description Calls that failed in the eyes of either side */
            errors: number;
            client?: components["schemas"]["GraphLatency"];
            server?: components["schemas"]["GraphLatency"];
        };
        /** @description How long calls took in the eyes of one side */
        GraphLatency: {
            count: number;
            p50Nanos: components["schemas"]["Uint64"];
            p95Nanos: components["schemas"]["Uint64"];
            p99Nanos: components["schemas"]["Uint64"];
            maxNanos: components["schemas"]["Uint64"];
        };
        Status: {
            version: string;
            /** @description The server's clock when it answers */
            timeUnixNano: components["schemas"]["Uint64"];
            startedUnixNano: components["schemas"]["Uint64"];
            pathPrefix: string;
            /** @description All that there are, sorted by name */
            listeners: {
                name: string;
                /** @enum {string} */
                network: "tcp" | "udp";
                /** @description Where it listens; empty if it is off */
                address: string;
            }[];
            /** @description What is read from Kafka; absent if nothing is */
            kafka?: {
                brokers: string[];
                topics: string[];
                group: string;
                /** @description What a message has */
                encoding: string;
                tls: boolean;
                /** @description The brokers ask for one, which is not told */
                password: boolean;
            };
            budgets: {
                headBytes: components["schemas"]["Int64"];
                inFlightBytes: components["schemas"]["Int64"];
                /** @description -1 if it is not known */
                diskFreeBytes: components["schemas"]["Int64"];
            };
            /** @description After how long spans are dropped; 0 is never */
            retentionNanos: components["schemas"]["Int64"];
        };
        DoctorReport: {
            /** @description The worst of the findings */
            result: components["schemas"]["CheckResult"];
            findings: components["schemas"]["Finding"][];
            /** @description Whether tracing is set up: one answer to each question */
            checklist: components["schemas"]["Finding"][];
            gaps?: components["schemas"]["Gaps"];
        };
        /** @enum {string} */
        CheckResult: "skipped" | "ok" | "warning" | "problem";
        Finding: {
            /** @description Names what was found */
            id: string;
            /** @enum {string} */
            check: "environment" | "endpoints" | "round-trip" | "clock" | "receiving" | "sampling" | "storage" | "services" | "propagation" | "quality";
            result: components["schemas"]["CheckResult"];
            /** @description A sentence */
            title: string;
            /** @description What was seen, a line each */
            evidence?: string[];
            cause?: string;
            /** @description A command, a setting, or where to look */
            fix?: string;
            services?: string[];
            /** @description Examples */
            traces?: string[];
        };
        ServiceList: {
            startTimeUnixNano: components["schemas"]["Uint64"];
            endTimeUnixNano: components["schemas"]["Uint64"];
            compare?: components["schemas"]["TimeRange"];
            stepNanos: components["schemas"]["Uint64"];
            services: components["schemas"]["ServiceStats"][];
            gaps?: components["schemas"]["Gaps"];
            stats: components["schemas"]["Stats"];
        };
        /** @description The end is left out */
        TimeRange: {
            startTimeUnixNano: components["schemas"]["Uint64"];
            endTimeUnixNano: components["schemas"]["Uint64"];
        };
        ServiceStats: {
            /** @description Empty for spans without one */
            name: string;
            /** @description Spans that it sent, of all kinds */
            spans: number;
            /** @description What traces that start in the range waited for the service. Sampled traces count as what they stand for */
            critical: {
                /** @description Nanoseconds of their critical paths in its spans */
                nanos: number;
                /** @description Share of the critical paths of the traces that it has spans in */
                share: number;
            };
            now: components["schemas"]["Traffic"];
            before?: components["schemas"]["Traffic"];
            points: components["schemas"]["ServicePoints"];
            /** @description The longest requests, longest first */
            slowest: components["schemas"]["SpanExample"][];
            /** @description The newest requests that failed, newest first */
            failing: components["schemas"]["SpanExample"][];
            /** @description With `by=operation`; most requests first */
            operations?: components["schemas"]["OperationStats"][];
        };
        /** @description The requests of a service with one span name */
        OperationStats: {
            name: string;
            now: components["schemas"]["Traffic"];
            before?: components["schemas"]["Traffic"];
            points: components["schemas"]["ServicePoints"];
            /** @description The longest requests, longest first */
            slowest: components["schemas"]["SpanExample"][];
            /** @description The newest requests that failed, newest first */
            failing: components["schemas"]["SpanExample"][];
        };
        /** @description What is counted of requests. Quantiles are less than 0.8 % off */
        Traffic: {
            /** @description More than `seen` if spans are sampled: then it is an estimate */
            requests: number;
            errors: number;
            /** @description Spans that were counted */
            seen: number;
            /** @description Requests a second */
            rate: number;
            errorShare: number;
            p50Nanos: components["schemas"]["Uint64"];
            p95Nanos: components["schemas"]["Uint64"];
            p99Nanos: components["schemas"]["Uint64"];
            maxNanos: components["schemas"]["Uint64"];
        };
        /** @description A number for each interval; null where there are no requests. The quantile is less than 6.3 % off */
        ServicePoints: {
            rate: number[];
            errorShare: components["schemas"]["Number"][];
            p95Nanos: components["schemas"]["Number"][];
        };
        SpanExample: {
            traceId: components["schemas"]["TraceId"];
            spanId: components["schemas"]["SpanId"];
            name: string;
            startTimeUnixNano: components["schemas"]["Uint64"];
            durationNanos: components["schemas"]["Int64"];
            failed: boolean;
        };
        Quality: {
            startTimeUnixNano: components["schemas"]["Uint64"];
            endTimeUnixNano: components["schemas"]["Uint64"];
            /** @description The mean of those of the services; null if there are none */
            score: number | null;
            category?: components["schemas"]["QualityCategory"];
            /** @description Spans that were looked at */
            looked: number;
            /** @description About how many there are */
            spans: number;
            /** @description Lowest score first, then by name */
            services: components["schemas"]["ServiceQuality"][];
            /** @description The rules of the Instrumentation Score that are not judged, so that the scores are not complete */
            notJudged: {
                id: string;
                title: string;
                reason: string;
            }[];
            gaps?: components["schemas"]["Gaps"];
            stats: components["schemas"]["Stats"];
        };
        /** @enum {string} */
        QualityCategory: "Excellent" | "Good" | "Needs Improvement" | "Poor";
        ServiceQuality: {
            /** @description Empty for spans without one */
            name: string;
            /** @description `telemetry.sdk.language` of most of its spans */
            language?: string;
            score: number;
            category: components["schemas"]["QualityCategory"];
            /** @description Spans that were looked at */
            seen: number;
            /** @description What they stand for */
            count: number;
            /** @description How many different ones */
            spanNames: number;
            /** @description Of most impact first */
            findings: components["schemas"]["QualityFinding"][];
        };
        QualityFinding: {
            /**
             * @example SPA-002
             * @example CLEW-001
             */
            rule: string;
            /** @description What is wrong */
            title: string;
            /** @enum {string} */
            impact: "critical" | "important" | "normal" | "low";
            /** @description The rule is one of the Instrumentation Score */
            scored: boolean;
            meaning: string;
            fix: string;
            /** @description How many break the rule, of what was looked at */
            seen: number;
            /** @description What they stand for */
            count: number;
            /** @description All that the rule is about, counted in the same way */
            of: number;
            /** @description What is counted, as `spans` */
            unit: string;
            share: number;
            /** @description Most first, at most 20 */
            cases: components["schemas"]["QualityCase"][];
            /** @description How many are not told */
            moreCases?: number;
        };
        QualityCase: {
            /** @description What is secret is masked */
            what?: string;
            /** @description Of CLEW-001 */
            caller?: string;
            /** @description Of CLEW-001 */
            callee?: string;
            /** @description Of CLEW-001: `HTTP`, `gRPC or RPC`, `messaging` */
            protocol?: string;
            seen: number;
            count: number;
            /** @description Newest first, each of another trace, at most 5 */
            examples: {
                traceId: components["schemas"]["TraceId"];
                spanId: components["schemas"]["SpanId"];
                startTimeUnixNano: components["schemas"]["Uint64"];
            }[];
        };
        TraceDiff: {
            a: components["schemas"]["DiffTrace"];
            b: components["schemas"]["DiffTrace"];
            /** @description Pairs of spans */
            matched: number;
            /** @description Spans that only a has */
            missing: number;
            /** @description Spans that only b has */
            added: number;
            /** @description Pairs that took longer in b */
            slower: number;
            /** @description Pairs that took longer in a */
            faster: number;
            /** @description Pairs that failed only in b */
            broken: number;
            /** @description Pairs that failed only in a */
            mended: number;
            /** @description Sorted by name */
            services: components["schemas"]["DiffService"][];
            /** @description Depth first */
            nodes: components["schemas"]["DiffNode"][];
            /** @description Nodes that are left out */
            omitted?: number;
            gaps?: components["schemas"]["Gaps"];
        };
        DiffTrace: {
            view: components["schemas"]["ViewToken"];
            traceId: components["schemas"]["TraceId"];
            root: components["schemas"]["ViewRoot"] | null;
            startTimeUnixNano: components["schemas"]["Uint64"];
            durationNanos: components["schemas"]["Int64"];
            spans: number;
            errors: number;
        };
        /** @description What the traces have of a service; a or b is absent if it has nothing */
        DiffService: {
            name: string;
            a?: components["schemas"]["DiffSide"];
            b?: components["schemas"]["DiffSide"];
        };
        /** @description A path, with all spans that have it */
        DiffNode: {
            /** @description Its place in the list, or -1 */
            parent: number;
            depth: number;
            service: string;
            name: string;
            /** @description TraceQL's word, or a number that OTLP does not define */
            kind: string;
            /**
             * @description `slower` and `faster` are about the matched spans together; `missing` is only in a, `added` only in b
             * @enum {string}
             */
            change: "same" | "slower" | "faster" | "missing" | "added";
            a?: components["schemas"]["DiffSide"];
            b?: components["schemas"]["DiffSide"];
            /** @description Pairs of spans */
            matched: number;
            /** @description Spans that only a has */
            missing: number;
            /** @description Spans that only b has */
            added: number;
            /** @description Pairs that took longer in b */
            slower: number;
            /** @description Pairs that took longer in a */
            faster: number;
            /** @description Pairs that failed only in b */
            broken: number;
            /** @description Pairs that failed only in a */
            mended: number;
            deltaNanos: components["schemas"]["Int64"];
        };
        /** @description What one trace has of a node or a service: all its spans together */
        DiffSide: {
            spans: number;
            errors: number;
            durationNanos: components["schemas"]["Int64"];
            selfNanos: components["schemas"]["Int64"];
            /** @description Of the first span, in the view */
            row: number;
            spanId: components["schemas"]["SpanId"];
        };
        Differences: {
            /** @description The baseline, in TraceQL */
            query: string;
            /** @description The selection, in TraceQL */
            selected: string;
            selection: components["schemas"]["ComparedSet"];
            baseline: components["schemas"]["ComparedSet"];
            /** @description Those that tell most first; those that the selection is made by come last */
            attributes: components["schemas"]["DifferingAttribute"][];
            /** @description Attributes that are left out */
            omitted?: number;
            /** @description Attributes with a value of its own on nearly every trace */
            ignored: components["schemas"]["IgnoredAttribute"][];
            gaps?: components["schemas"]["Gaps"];
            stats: components["schemas"]["Stats"];
        };
        /** @description An event: its name and the document that is its data */
        DifferencesEvent: components["schemas"]["ProgressEvent"] | {
            /** @enum {string} */
            event: "partial" | "result";
            data: components["schemas"]["Differences"];
        } | components["schemas"]["ErrorEvent"];
        /** @description The spans of one side. If fewer were compared than matched, shares are estimates */
        ComparedSet: {
            matched: number;
            compared: number;
            /** @description What the compared ones stand for, as they may be sampled */
            weight: number;
        };
        DifferingAttribute: {
            /** @description As TraceQL writes it */
            name: string;
            /** @description By how much the shares of the values differ beyond what chance does */
            score: number;
            /** @description The selection is made by it, so that it has to differ */
            given: boolean;
            /** @description Values that were told apart */
            distinct: number;
            /** @description There are more, or numbers were counted in ranges */
            more: boolean;
            /** @description Those that differ most first; ranges by size; then what is absent, and all others */
            values: components["schemas"]["DifferingValue"][];
            quantiles?: components["schemas"]["DifferingQuantiles"];
        };
        DifferingValue: {
            /** @enum {string} */
            kind: "value" | "range" | "absent" | "others";
            value?: components["schemas"]["TypedValue"];
            from?: components["schemas"]["TypedValue"];
            to?: components["schemas"]["TypedValue"];
            selection: components["schemas"]["CountOfWhole"];
            baseline: components["schemas"]["CountOfWhole"];
            /** @description A condition of TraceQL for the spans that have it; `q | { condition }` narrows a query to them */
            in?: string;
            /** @description A condition for all others */
            out?: string;
        };
        TypedValue: {
            type: components["schemas"]["ValueType"];
            value: components["schemas"]["Value"];
        };
        /** @description How many compared spans have it, by what they stand for, and which part of their side that is */
        CountOfWhole: {
            count: number;
            share: number;
        };
        /** @description Of numbers that come as ranges; a side without numbers is absent */
        DifferingQuantiles: {
            selection?: components["schemas"]["Quantiles"];
            baseline?: components["schemas"]["Quantiles"];
        };
        /** @description Durations are in nanoseconds */
        Quantiles: {
            min: number;
            p50: number;
            p90: number;
            p99: number;
            max: number;
        };
        IgnoredAttribute: {
            name: string;
            /** @description Values that it has at least */
            distinct: number;
        };
        TagList: {
            tags: components["schemas"]["TagSummary"][];
            /** @description There may be more */
            partial: boolean;
            gaps?: components["schemas"]["Gaps"];
            stats: components["schemas"]["Stats"];
        };
        TagSummary: {
            /** @enum {string} */
            scope: "span" | "resource" | "event" | "link" | "instrumentation" | "intrinsic";
            /** @description The key within its scope */
            name: string;
            /** @description What a query calls it */
            traceql: string;
            types: components["schemas"]["ValueType"][];
            /** @description Spans (events, links) that have it; absent where nobody counts */
            count?: number;
        };
        TagValueList: {
            values: components["schemas"]["TagValue"][];
            /** @description There may be more */
            partial: boolean;
            gaps?: components["schemas"]["Gaps"];
            stats: components["schemas"]["Stats"];
        };
        TagValue: {
            type: components["schemas"]["ValueType"];
            value: components["schemas"]["Value"];
            /** @description Spans (events, links) that have it; absent where nobody counts */
            count?: number;
        };
        Attribute: {
            /** @description As TraceQL writes it */
            name: string;
            type: components["schemas"]["ValueType"];
            value: components["schemas"]["Value"];
        };
        /** @enum {string} */
        ValueType: "nil" | "int" | "float" | "string" | "bool" | "duration" | "status" | "kind" | "bytes" | "array" | "map";
        /** @description A string for int, duration (nanoseconds), status, kind, bytes (base64) and floats that are no number; else what the type says */
        Value: string | number | boolean | null | unknown[] | {
            [key: string]: unknown;
        };
        TraceId: string;
        SpanId: string;
        Uint64: string;
        Int64: string;
        /** @description opentelemetry.proto.trace.v1.TracesData in OTLP's JSON; what has its default is absent */
        OtlpTraces: {
            resourceSpans: components["schemas"]["OtlpResourceSpans"][];
        };
        OtlpResourceSpans: {
            resource: {
                attributes?: components["schemas"]["OtlpAttributes"];
                droppedAttributesCount?: components["schemas"]["Uint32"];
                entityRefs?: components["schemas"]["OtlpEntityRef"][];
            };
            scopeSpans: components["schemas"]["OtlpScopeSpans"][];
            schemaUrl?: string;
        };
        OtlpEntityRef: {
            schemaUrl?: string;
            type?: string;
            idKeys?: string[];
            descriptionKeys?: string[];
        };
        OtlpScopeSpans: {
            scope: {
                name?: string;
                version?: string;
                attributes?: components["schemas"]["OtlpAttributes"];
                droppedAttributesCount?: components["schemas"]["Uint32"];
            };
            spans: components["schemas"]["OtlpSpan"][];
            schemaUrl?: string;
        };
        OtlpSpan: {
            traceId: components["schemas"]["TraceId"];
            spanId: components["schemas"]["SpanId"];
            traceState?: string;
            parentSpanId?: components["schemas"]["SpanId"];
            flags?: components["schemas"]["Uint32"];
            name: string;
            /** @description 1 internal, 2 server, 3 client, 4 producer, 5 consumer */
            kind?: number;
            startTimeUnixNano: components["schemas"]["Uint64"];
            endTimeUnixNano: components["schemas"]["Uint64"];
            attributes?: components["schemas"]["OtlpAttributes"];
            droppedAttributesCount?: components["schemas"]["Uint32"];
            events?: components["schemas"]["OtlpEvent"][];
            droppedEventsCount?: components["schemas"]["Uint32"];
            links?: components["schemas"]["OtlpLink"][];
            droppedLinksCount?: components["schemas"]["Uint32"];
            status: {
                message?: string;
                /** @description 1 ok, 2 error */
                code?: number;
            };
        };
        OtlpEvent: {
            timeUnixNano: components["schemas"]["Uint64"];
            name: string;
            attributes?: components["schemas"]["OtlpAttributes"];
            droppedAttributesCount?: components["schemas"]["Uint32"];
        };
        OtlpLink: {
            traceId: components["schemas"]["TraceId"];
            spanId: components["schemas"]["SpanId"];
            traceState?: string;
            attributes?: components["schemas"]["OtlpAttributes"];
            droppedAttributesCount?: components["schemas"]["Uint32"];
            flags?: components["schemas"]["Uint32"];
        };
        OtlpAttributes: components["schemas"]["OtlpKeyValue"][];
        OtlpKeyValue: {
            key: string;
            value: components["schemas"]["OtlpAnyValue"];
        };
        /** @description One of its members, or none for an empty value */
        OtlpAnyValue: {
            stringValue?: string;
            boolValue?: boolean;
            intValue?: components["schemas"]["Int64"];
            doubleValue?: number | ("NaN" | "Infinity" | "-Infinity");
            /** @description Base64 */
            bytesValue?: string;
            arrayValue?: {
                values: components["schemas"]["OtlpAnyValue"][];
            };
            kvlistValue?: {
                values: components["schemas"]["OtlpAttributes"];
            };
        };
        TraceView: {
            view: components["schemas"]["ViewToken"];
            traceId: components["schemas"]["TraceId"];
            startUnixNano: components["schemas"]["Uint64"];
            durationNanos: components["schemas"]["Int64"];
            spanCount: number;
            /** @description How many traces this one stands for, by the probability with which its root was sampled */
            adjustedCount: number;
            /** @description The earliest span that names no parent */
            root: components["schemas"]["ViewRoot"] | null;
            sampling?: components["schemas"]["SamplingDecision"];
            /** @description What the columns `service` and `name` are places in; the services come first */
            strings: string[];
            /** @description Columns, each with a number for each row */
            spans: {
                /** @description 8 bytes each */
                id: components["schemas"]["Column"];
                /** @description int32: row of the parent, or -1 */
                parent: components["schemas"]["Column"];
                /** @description uint32: how many of the rows that follow lie below */
                descendants: components["schemas"]["Column"];
                /** @description uint16: 0 for roots; 65535 for that or more */
                depth: components["schemas"]["Column"];
                /** @description float64: nanoseconds after startUnixNano */
                start: components["schemas"]["Column"];
                /** @description float64: nanoseconds; below 0 if the span ends before it starts */
                duration: components["schemas"]["Column"];
                /** @description float64: nanoseconds in which the span did not wait for one below it */
                self: components["schemas"]["Column"];
                /** @description float64: nanoseconds on the critical path */
                critical: components["schemas"]["Column"];
                /** @description uint32: place in strings */
                name: components["schemas"]["Column"];
                /** @description uint32: place in strings, and in services */
                service: components["schemas"]["Column"];
                /** @description uint16: bits 0-2 kind and 3-4 status, as OTLP numbers them; 5 the parent is missing, 6 the id comes twice, 7 has events, 8 has an exception, 9 has links, 10 stands for more spans (sampled), 11 an error began here, 12 an error passed here, 13 has attributes gen_ai.* */
                flags: components["schemas"]["Column"];
            };
            /** @description Columns of its segments, by time. They are disjoint; those of a trace with one root fill the root's duration */
            criticalPath: {
                /** @description uint32 */
                row: components["schemas"]["Column"];
                /** @description float64: nanoseconds after startUnixNano */
                start: components["schemas"]["Column"];
                /** @description float64: nanoseconds after startUnixNano */
                end: components["schemas"]["Column"];
            };
            /** @description Columns of the events, by time */
            events: {
                /** @description uint32 */
                row: components["schemas"]["Column"];
                /** @description float64: nanoseconds after startUnixNano */
                at: components["schemas"]["Column"];
                /** @description uint32: place in strings */
                name: components["schemas"]["Column"];
                /** @description uint8: 1 if the event is an exception */
                exception: components["schemas"]["Column"];
            };
            /** @description There are more than 100,000 events; these are the first */
            eventsTruncated?: boolean;
            services: components["schemas"]["ViewService"][];
            /** @description Where errors began. One of each kind comes before others of the same kind; else those first that reached highest, then the earliest, then the deepest */
            errors: components["schemas"]["ViewError"][];
            /** @description How many places there are where errors began */
            errorOrigins: number;
            skew: components["schemas"]["ViewSkew"][];
            warnings: components["schemas"]["ViewWarning"][];
            gaps?: components["schemas"]["Gaps"];
        };
        /** @description Names the view. It follows from the spans: if they did not change, neither did it */
        ViewToken: string;
        /** @description Little-endian numbers */
        Column: string;
        Row: number;
        ViewRoot: {
            service: string;
            name: string;
        };
        ViewService: {
            name: string;
            spans: number;
            errors: number;
            criticalNanos: components["schemas"]["Int64"];
        };
        ViewError: {
            /** @description A span that failed, and nothing below it did */
            origin: components["schemas"]["Row"];
            /** @description Rows from the origin up to the highest span that failed too */
            path: components["schemas"]["Row"][];
            service: string;
            name: string;
            /** @description Of the exception, of the status, or a code; empty if the span has none. It and the names are cut after 2,000 bytes */
            message: string;
            /** @description How many origins of the trace have the same service, name and message */
            count: number;
        };
        /** @description A server's span that does not lie within its client's, or the end of what follows from one. It holds for the row and the rows below it, up to rows with one of their own */
        ViewSkew: {
            row: components["schemas"]["Row"];
            /** @description What added to times would make them fit; 0 where the clock is another one again */
            adjustNanos: components["schemas"]["Int64"];
        };
        ViewWarning: {
            /** @enum {string} */
            kind: "orphan" | "circular" | "duplicate" | "endsBeforeStart" | "skew" | "sampled" | "cut" | "gap" | "upload";
            row?: components["schemas"]["Row"];
            spanId?: components["schemas"]["SpanId"];
            parentSpanId?: components["schemas"]["SpanId"];
            text: string;
        };
        TraceColumn: {
            view: components["schemas"]["ViewToken"];
            /** @description As TraceQL writes it */
            name: string;
            /** @description The most frequent first */
            values: components["schemas"]["CountedValue"][];
            /** @description There are more distinct values */
            more: boolean;
            /** @description uint32: 0 if the row has no value, else the place of its value, from 1; 4294967295 for one that is not in the list */
            codes: components["schemas"]["Column"];
        };
        CountedValue: {
            type: components["schemas"]["ValueType"];
            value: components["schemas"]["Value"];
            /** @description Rows that have it */
            count: number;
        };
        TraceFound: {
            view: components["schemas"]["ViewToken"];
            count: number;
            /** @description uint32 */
            rows: components["schemas"]["Column"];
        };
        TraceStatistics: {
            view: components["schemas"]["ViewToken"];
            by: string[];
            spanCount: number;
            /** @description Length of the critical path */
            criticalNanos: components["schemas"]["Int64"];
            groups: components["schemas"]["StatisticsGroup"][];
            /** @description Some groups were left out: of the first level come 1,000, of the second 100 in each */
            more: boolean;
        };
        StatisticsGroup: {
            /** @description Type nil: of the spans without a value */
            value: {
                type: components["schemas"]["ValueType"];
                value: components["schemas"]["Value"];
            };
            count: number;
            errors: number;
            totalNanos: components["schemas"]["Int64"];
            avgNanos: components["schemas"]["Int64"];
            minNanos: components["schemas"]["Int64"];
            maxNanos: components["schemas"]["Int64"];
            p50Nanos: components["schemas"]["Int64"];
            p95Nanos: components["schemas"]["Int64"];
            selfNanos: components["schemas"]["Int64"];
            selfAvgNanos: components["schemas"]["Int64"];
            criticalNanos: components["schemas"]["Int64"];
            /** @description Of the critical path */
            criticalShare: number;
            groups?: components["schemas"]["StatisticsGroup"][];
        };
        SpanDetails: {
            view: components["schemas"]["ViewToken"];
            row: components["schemas"]["Row"];
            traceId: components["schemas"]["TraceId"];
            spanId: components["schemas"]["SpanId"];
            parentSpanId?: components["schemas"]["SpanId"];
            /** @description There if the parent is in the trace */
            parentRow?: components["schemas"]["Row"];
            name: string;
            service: string;
            kind: string;
            status: string;
            statusMessage?: string;
            traceState?: string;
            flags: components["schemas"]["Uint32"];
            startUnixNano: components["schemas"]["Uint64"];
            endUnixNano: components["schemas"]["Uint64"];
            durationNanos: components["schemas"]["Int64"];
            selfNanos: components["schemas"]["Int64"];
            criticalNanos: components["schemas"]["Int64"];
            adjustedCount: number;
            attributes: components["schemas"]["SpanAttribute"][];
            events: components["schemas"]["SpanEvent"][];
            links: components["schemas"]["SpanLink"][];
            /** @description Spans that link to this one */
            linkedFrom: components["schemas"]["LinkedSpan"][];
            /** @description There may be more: they are looked for during one second, from a minute before the trace to a week behind it, and at most 100 are told of */
            linkedFromPartial: boolean;
            /** @description Its logs in other systems, as configured */
            logLinks: components["schemas"]["LogLink"][];
            resource: components["schemas"]["SpanResource"];
            scope: components["schemas"]["SpanScope"];
            droppedAttributes: components["schemas"]["Uint32"];
            droppedEvents: components["schemas"]["Uint32"];
            droppedLinks: components["schemas"]["Uint32"];
        };
        SpanAttribute: {
            key: string;
            /** @description What a query calls it */
            traceql: string;
            type: components["schemas"]["ValueType"];
            value: components["schemas"]["Value"];
        };
        SpanEvent: {
            name: string;
            timeUnixNano: components["schemas"]["Uint64"];
            exception: boolean;
            attributes: components["schemas"]["SpanAttribute"][];
            droppedAttributes: components["schemas"]["Uint32"];
        };
        SpanLink: {
            traceId: components["schemas"]["TraceId"];
            spanId: components["schemas"]["SpanId"];
            /** @description There if the span is in this view */
            row?: components["schemas"]["Row"];
            traceState?: string;
            flags: components["schemas"]["Uint32"];
            attributes: components["schemas"]["SpanAttribute"][];
            droppedAttributes: components["schemas"]["Uint32"];
        };
        LinkedSpan: {
            traceId: components["schemas"]["TraceId"];
            spanId: components["schemas"]["SpanId"];
            /** @description There if the span is in this view */
            row?: components["schemas"]["Row"];
            service: string;
            name: string;
            startUnixNano: components["schemas"]["Uint64"];
            durationNanos: components["schemas"]["Int64"];
        };
        SpanResource: {
            attributes: components["schemas"]["SpanAttribute"][];
            droppedAttributes: components["schemas"]["Uint32"];
            schemaUrl?: string;
        };
        SpanScope: {
            name: string;
            version: string;
            attributes: components["schemas"]["SpanAttribute"][];
            droppedAttributes: components["schemas"]["Uint32"];
            schemaUrl?: string;
        };
        LogList: {
            traceId: components["schemas"]["TraceId"];
            /** @description Whether the store has spans of the trace */
            traceFound: boolean;
            /** @description Says why not */
            note?: string;
            /** @description Records of the trace */
            total: number;
            /** @description Those that the filter lets through */
            matching: number;
            logs: components["schemas"]["LogRecord"][];
            resources: components["schemas"]["SpanResource"][];
            scopes: components["schemas"]["SpanScope"][];
            /** @description Logs of the span that is named, or of the root, in other systems, as configured */
            links: components["schemas"]["LogLink"][];
            next?: string;
            gaps?: components["schemas"]["Gaps"];
        };
        LogLink: {
            name: string;
            url: string;
        };
        LogRecord: {
            id: components["schemas"]["SpanId"];
            spanId?: components["schemas"]["SpanId"];
            timeUnixNano: components["schemas"]["Uint64"];
            observedTimeUnixNano: components["schemas"]["Uint64"];
            /** @enum {string} */
            level?: "trace" | "debug" | "info" | "warn" | "error" | "fatal";
            severityNumber: number;
            severityText?: string;
            eventName?: string;
            service: string;
            /** @description The body in words: what is no text is JSON */
            text: string;
            body: components["schemas"]["TypedValue"];
            attributes: components["schemas"]["LogAttribute"][];
            droppedAttributes: components["schemas"]["Uint32"];
            flags: components["schemas"]["Uint32"];
            /** @description Which of `resources` */
            resource: number;
            /** @description Which of `scopes` */
            scope: number;
        };
        LogAttribute: {
            key: string;
            type: components["schemas"]["ValueType"];
            value: components["schemas"]["Value"];
        };
        LinesAnswer: {
            accepted: number;
            /** @description Lines that are not kept, as Clew is no store for all logs */
            withoutTraceId: number;
            /** @description Lines that cannot be read */
            malformed: number;
            /** @description What is wrong with lines that are not kept, and where the first ones are */
            message?: string;
        };
        Percentile: {
            /** @description Spans that were looked at */
            seen: number;
            /** @description How many they stand for */
            count: number;
            /** @description The two differ */
            estimated: boolean;
            /** @description Share of the spans that took less time; null if there are none */
            rank: number | null;
            minNanos: components["schemas"]["Uint64"];
            p50Nanos: components["schemas"]["Uint64"];
            p95Nanos: components["schemas"]["Uint64"];
            p99Nanos: components["schemas"]["Uint64"];
            maxNanos: components["schemas"]["Uint64"];
            /** @description By duration, four buckets to an octave */
            histogram: components["schemas"]["PercentileBucket"][];
            gaps?: components["schemas"]["Gaps"];
            stats: components["schemas"]["Stats"];
        };
        PercentileBucket: {
            fromNanos: components["schemas"]["Uint64"];
            /** @description Left out */
            toNanos: components["schemas"]["Uint64"];
            count: number;
        };
        SamplingOverview: {
            default: components["schemas"]["SamplingStrategy"];
            /** @description Those that the file names */
            services: components["schemas"]["SamplingStrategy"][];
            /** @description Not there if adaptive sampling is off */
            adaptive?: {
                /** @description Of each operation */
                targetSamplesPerSecond: number;
                operations: components["schemas"]["AdaptedOperation"][];
            };
            /** @description What was wrong with the file of strategies when it was last read; those before hold */
            fileProblem?: string;
            /** @description Not there without tail sampling */
            tail?: {
                /** @description None if no file could be read yet: then nothing is dropped */
                policies: string[];
                /** @description How long all spans stay */
                windowSeconds: number;
                dryRun: boolean;
                /** @description What was wrong with the file of policies when it was last read; those before hold */
                fileProblem?: string;
                /** @description Why the last round failed; what is not decided stays */
                problem?: string;
                /** @description Traces decided about in the last day */
                decided: {
                    /** @description Empty if none matched */
                    policy: string;
                    kept: number;
                    dropped: number;
                }[];
            };
        };
        KeepAnswer: {
            /** @description Traces that stay now */
            kept: number;
            /** @description Those that were to stay before */
            already: number;
            /** @description What could not be read */
            gaps?: string[];
        };
        Simulation: {
            startTimeUnixNano: components["schemas"]["Uint64"];
            endTimeUnixNano: components["schemas"]["Uint64"];
            untilTimeUnixNano: components["schemas"]["Uint64"];
            /** @description How many were decided */
            slices: number;
            /** @description How long a slice is, but for the last */
            sliceSeconds: number;
            stored: components["schemas"]["Amount"];
            kept: components["schemas"]["Amount"];
            /** @description In the order of the file; behind them traces that stay as they are linked to one that does, and those that no policy matches */
            policies: {
                /** @description Empty if none matches */
                policy: string;
                decided: components["schemas"]["Amount"];
                kept: components["schemas"]["Amount"];
            }[];
            rate: components["schemas"]["SimulatedRate"];
            /** @description Those first of whose spans most go */
            services: components["schemas"]["SimulatedPart"][];
            /** @description Those first of whose spans most go */
            operations: components["schemas"]["SimulatedPart"][];
            /** @description Of traces: error if a span failed, else ok if one says so */
            statuses: components["schemas"]["SimulatedPart"][];
            /** @description Of traces, by how long they took */
            latencies: components["schemas"]["SimulatedPart"][];
            /** @description What of the policies is not done as they say */
            warnings?: string[];
            gaps?: components["schemas"]["Gaps"];
        };
        Amount: {
            traces: number;
            spans: number;
            /** @description About, in OTLP: of what each span takes by itself, without its resource */
            bytes: number;
        };
        SimulatedPart: {
            /** @description Absent for spans without one */
            service?: string;
            /** @description Of an operation, a status, or a band of latencies */
            name?: string;
            /** @description Of how many it is the sum, if of several; at least */
            others?: number;
            stored: components["schemas"]["Amount"];
            kept: components["schemas"]["Amount"];
            rate?: components["schemas"]["SimulatedRate"];
            durations?: components["schemas"]["SimulatedDurations"];
        };
        /** @description How long the requests of a service took, each counted by what it stands for, and how long they would seem to have taken. Requests are spans of kind server or consumer, those without a parent, and those whose parent is of another service */
        SimulatedDurations: {
            requests: number;
            /** @description How many spans the estimate is made of */
            kept: number;
            truth: components["schemas"]["SimulatedQuantiles"];
            estimate: components["schemas"]["SimulatedQuantiles"];
        };
        /** @description Less than 0.8 % off; zeros if there are no spans */
        SimulatedQuantiles: {
            p50Nanos: components["schemas"]["Uint64"];
            p95Nanos: components["schemas"]["Uint64"];
            p99Nanos: components["schemas"]["Uint64"];
        };
        /** @description How many spans there were, each counted by what it stands for, and how many there would seem to have been */
        SimulatedRate: {
            spans: number;
            /** @description By what is kept */
            estimate: number;
            /** @description Of the estimate, as it follows from what is kept and its thresholds */
            standardError: number;
            /** @description How many of the spans are of traces which no policy gives a chance: the estimate lacks them */
            unseen: number;
        };
        SamplingStrategy: {
            service?: string;
            /** @enum {string} */
            type: "probabilistic" | "ratelimiting";
            /** @description A probability, or traces per second */
            param: number;
            operations: {
                operation: string;
                probability: number;
            }[];
        };
        AdaptedOperation: {
            service: string;
            operation: string;
            probability: number;
            /** @description Requests per second, sampled or not */
            rate: number;
        };
        UploadAnswer: {
            traces: components["schemas"]["UploadedTrace"][];
            /** @description Spans that were left out */
            rejected: number;
            /** @description Why */
            message?: string;
        };
        UploadedTrace: {
            view: components["schemas"]["ViewToken"];
            traceId: components["schemas"]["TraceId"];
            startUnixNano: components["schemas"]["Uint64"];
            durationNanos: components["schemas"]["Int64"];
            spanCount: number;
            adjustedCount: number;
            root: components["schemas"]["ViewRoot"] | null;
        };
        Uint32: number;
        /** @description A document of OpenAPI 3.1 */
        OpenApi: {
            [key: string]: unknown;
        };
    };
    responses: {
        /** @description The request is wrong; if its query is, the error says where */
        BadRequest: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["ErrorAnswer"];
            };
        };
        /** @description There is no such trace */
        NotFound: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["ErrorAnswer"];
            };
        };
        /** @description The view is not kept any more, and the trace has changed since or was an upload */
        Gone: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["ErrorAnswer"];
            };
        };
        /** @description The answer needs more memory than a query may take */
        TooLarge: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["ErrorAnswer"];
            };
        };
        /** @description Too much is asked at once */
        Overload: {
            headers: {
                "Retry-After": components["headers"]["RetryAfter"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["ErrorAnswer"];
            };
        };
        /** @description The server failed */
        Failed: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["ErrorAnswer"];
            };
        };
        /** @description The store does not answer now */
        Unavailable: {
            headers: {
                "Retry-After": components["headers"]["RetryAfter"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["ErrorAnswer"];
            };
        };
        /** @description The answer took longer than a query may take */
        Timeout: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["ErrorAnswer"];
            };
        };
    };
    parameters: {
        /** @description The tenant; the default one if absent */
        Tenant: string;
        /** @description The tenant, or several as `a|b`, at most 64 */
        Tenants: string;
        /** @description The view that rows are of; the trace as it is now if absent */
        View: string;
        /** @description TraceQL, or plain words such as `service=checkout duration > 1s`; everything if absent */
        Query: string;
        /** @description A query as far as it is typed: what can be read of it narrows the answer, the rest does no harm */
        Typed: string;
        /** @description RFC 3339, or nanoseconds since 1970: spans that start then or later */
        Start: string;
        /** @description RFC 3339, or nanoseconds since 1970: spans that start earlier */
        End: string;
        /** @description Most tags or values */
        TagLimit: number;
        /** @description `plan` says what the store was asked */
        Explain: boolean;
        /** @description 1 to 32 hex digits */
        TraceId: string;
    };
    requestBodies: never;
    headers: {
        /** @description What could not be read, one line for each */
        Gap: string;
        /** @description What tail sampling decided about the trace, if it did; in a dry run what would have been */
        Sampling: string;
        /** @description Seconds after which to try again */
        RetryAfter: number;
    };
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    search: {
        parameters: {
            query?: {
                /** @description TraceQL, or plain words such as `service=checkout duration > 1s`; everything if absent */
                q?: components["parameters"]["Query"];
                /** @description Traces, or the matching spans themselves */
                mode?: "traces" | "spans";
                /** @description RFC 3339, or nanoseconds since 1970: spans that start then or later */
                start?: components["parameters"]["Start"];
                /** @description RFC 3339, or nanoseconds since 1970: spans that start earlier */
                end?: components["parameters"]["End"];
                /** @description Most traces or spans */
                limit?: number;
                /** @description `next` of the page before */
                after?: string;
                /** @description Most spans of each span set */
                spss?: number;
                /** @description `slowest` is by duration, longest first; of traces it has one page */
                sort?: "newest" | "slowest";
                /** @description `plan` says what the store was asked */
                explain?: components["parameters"]["Explain"];
            };
            header?: {
                /** @description The tenant; the default one if absent */
                "X-Scope-OrgID"?: components["parameters"]["Tenant"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page; or, with `Accept: text/event-stream`, events while the query runs, of which the last one is `result` or `error` */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SearchResult"];
                    "text/event-stream": components["schemas"]["SearchEvent"];
                };
            };
            400: components["responses"]["BadRequest"];
            422: components["responses"]["TooLarge"];
            429: components["responses"]["Overload"];
            500: components["responses"]["Failed"];
            503: components["responses"]["Unavailable"];
            504: components["responses"]["Timeout"];
        };
    };
    series: {
        parameters: {
            query: {
                /**
                 * @description TraceQL that ends with a function of metrics
                 * @example { } | rate() by (name)
                 */
                q: string;
                /** @description RFC 3339, or nanoseconds since 1970; an hour before `end` if absent */
                start?: string;
                /** @description RFC 3339, or nanoseconds since 1970; now if absent */
                end?: string;
                /** @description Length of an interval, such as `30s`, at least `1ms`; by default about a 240th of the range. There are at most 11,000 intervals */
                step?: string;
                /** @description One value for the whole range */
                instant?: boolean;
                /** @description Most exemplars */
                exemplars?: number;
                /** @description Most series */
                limit?: number;
                /** @description `plan` says what the store was asked */
                explain?: components["parameters"]["Explain"];
            };
            header?: {
                /** @description The tenant; the default one if absent */
                "X-Scope-OrgID"?: components["parameters"]["Tenant"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The series; or, with `Accept: text/event-stream`, events while the query runs, of which the last one is `result` or `error` */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SeriesResult"];
                    "text/event-stream": components["schemas"]["SeriesEvent"];
                };
            };
            400: components["responses"]["BadRequest"];
            422: components["responses"]["TooLarge"];
            429: components["responses"]["Overload"];
            500: components["responses"]["Failed"];
            503: components["responses"]["Unavailable"];
            504: components["responses"]["Timeout"];
        };
    };
    dependencies: {
        parameters: {
            query?: {
                /** @description RFC 3339, or nanoseconds since 1970: spans that start then or later */
                start?: components["parameters"]["Start"];
                /** @description RFC 3339, or nanoseconds since 1970: spans that start earlier */
                end?: components["parameters"]["End"];
                /** @description Messages go from the producer to their broker and from there to the consumer, instead of straight */
                brokers?: boolean;
            };
            header?: {
                /** @description The tenant; the default one if absent */
                "X-Scope-OrgID"?: components["parameters"]["Tenant"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The graph of services */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ServiceGraph"];
                };
            };
            400: components["responses"]["BadRequest"];
            422: components["responses"]["TooLarge"];
            429: components["responses"]["Overload"];
            500: components["responses"]["Failed"];
            503: components["responses"]["Unavailable"];
            504: components["responses"]["Timeout"];
        };
    };
    quality: {
        parameters: {
            query?: {
                /** @description The service to tell of; all if absent */
                service?: string;
                /** @description RFC 3339, or nanoseconds since 1970; an hour before `end` if absent */
                start?: string;
                /** @description RFC 3339, or nanoseconds since 1970; now if absent */
                end?: string;
            };
            header?: {
                /** @description The tenant; the default one if absent */
                "X-Scope-OrgID"?: components["parameters"]["Tenant"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What was found */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Quality"];
                };
            };
            400: components["responses"]["BadRequest"];
            422: components["responses"]["TooLarge"];
            429: components["responses"]["Overload"];
            500: components["responses"]["Failed"];
            503: components["responses"]["Unavailable"];
            504: components["responses"]["Timeout"];
        };
    };
    services: {
        parameters: {
            query?: {
                /** @description RFC 3339, or nanoseconds since 1970; an hour before `end` if absent */
                start?: string;
                /** @description RFC 3339, or nanoseconds since 1970; now if absent */
                end?: string;
                /** @description `operation` tells of the operations of the services too */
                by?: "service" | "operation";
                /** @description The service to tell of; all if absent */
                service?: string;
                /** @description How far back the range lies to compare with: `hour`, `day`, `week`, `previous` (as long as the range itself), or a duration such as `30m` */
                compare?: string;
                /** @description How many intervals the range is cut into */
                points?: number;
            };
            header?: {
                /** @description The tenant; the default one if absent */
                "X-Scope-OrgID"?: components["parameters"]["Tenant"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The services */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ServiceList"];
                };
            };
            400: components["responses"]["BadRequest"];
            422: components["responses"]["TooLarge"];
            429: components["responses"]["Overload"];
            500: components["responses"]["Failed"];
            503: components["responses"]["Unavailable"];
            504: components["responses"]["Timeout"];
        };
    };
    diff: {
        parameters: {
            query: {
                /**
                 * @description The trace to start from: 1 to 32 hex digits
                 * @example 4ba967ac37dd40588955116be6983fd7
                 */
                a: string;
                /**
                 * @description The trace that differs
                 * @example 95fd7d3fc8783a07a8b5cbea4fd4ba5e
                 */
                b: string;
                /** @description The view of it; the trace as it is now if absent */
                aView?: string;
                /** @description The view of it; the trace as it is now if absent */
                bView?: string;
                /** @description Most nodes */
                limit?: number;
            };
            header?: {
                /** @description The tenant, or several as `a|b`, at most 64 */
                "X-Scope-OrgID"?: components["parameters"]["Tenants"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Both traces as one tree */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TraceDiff"];
                };
            };
            400: components["responses"]["BadRequest"];
            404: components["responses"]["NotFound"];
            410: components["responses"]["Gone"];
            422: components["responses"]["TooLarge"];
            429: components["responses"]["Overload"];
            500: components["responses"]["Failed"];
            503: components["responses"]["Unavailable"];
            504: components["responses"]["Timeout"];
        };
    };
    differs: {
        parameters: {
            query?: {
                /** @description The baseline: TraceQL, or plain words; everything if absent */
                q?: string;
                /**
                 * @description The selection: TraceQL, or plain words; `q` if absent
                 * @example status = error
                 */
                selection?: string;
                /** @description RFC 3339, or nanoseconds since 1970: spans that start then or later */
                start?: components["parameters"]["Start"];
                /** @description RFC 3339, or nanoseconds since 1970: spans that start earlier */
                end?: components["parameters"]["End"];
                /** @description As `start`, of the selection; `start` if absent */
                selectionStart?: string;
                /** @description As `end`, of the selection; `end` if absent */
                selectionEnd?: string;
                /** @description The shortest duration of the selection, such as `100ms` */
                minDuration?: string;
                /** @description The duration that all of the selection are shorter than */
                maxDuration?: string;
                /** @description Most values of an attribute */
                values?: number;
                /** @description Most attributes */
                limit?: number;
            };
            header?: {
                /** @description The tenant; the default one if absent */
                "X-Scope-OrgID"?: components["parameters"]["Tenant"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What differs; or, with `Accept: text/event-stream`, events while it is being found out, of which the last one is `result` or `error` */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Differences"];
                    "text/event-stream": components["schemas"]["DifferencesEvent"];
                };
            };
            400: components["responses"]["BadRequest"];
            422: components["responses"]["TooLarge"];
            429: components["responses"]["Overload"];
            500: components["responses"]["Failed"];
            503: components["responses"]["Unavailable"];
            504: components["responses"]["Timeout"];
        };
    };
    tags: {
        parameters: {
            query?: {
                /** @description A query as far as it is typed: what can be read of it narrows the answer, the rest does no harm */
                q?: components["parameters"]["Typed"];
                scope?: "any" | "span" | "resource" | "event" | "link" | "instrumentation" | "intrinsic";
                /** @description RFC 3339, or nanoseconds since 1970: spans that start then or later */
                start?: components["parameters"]["Start"];
                /** @description RFC 3339, or nanoseconds since 1970: spans that start earlier */
                end?: components["parameters"]["End"];
                /** @description Most tags or values */
                limit?: components["parameters"]["TagLimit"];
            };
            header?: {
                /** @description The tenant; the default one if absent */
                "X-Scope-OrgID"?: components["parameters"]["Tenant"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Tags, the most frequent first */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TagList"];
                };
            };
            400: components["responses"]["BadRequest"];
            422: components["responses"]["TooLarge"];
            429: components["responses"]["Overload"];
            500: components["responses"]["Failed"];
            503: components["responses"]["Unavailable"];
            504: components["responses"]["Timeout"];
        };
    };
    tagValues: {
        parameters: {
            query?: {
                /** @description A query as far as it is typed: what can be read of it narrows the answer, the rest does no harm */
                q?: components["parameters"]["Typed"];
                /** @description RFC 3339, or nanoseconds since 1970: spans that start then or later */
                start?: components["parameters"]["Start"];
                /** @description RFC 3339, or nanoseconds since 1970: spans that start earlier */
                end?: components["parameters"]["End"];
                /** @description Most tags or values */
                limit?: components["parameters"]["TagLimit"];
            };
            header?: {
                /** @description The tenant; the default one if absent */
                "X-Scope-OrgID"?: components["parameters"]["Tenant"];
            };
            path: {
                /** @description As TraceQL writes it: `span.http.method`, `.http.method`, `name` */
                tag: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Values, the most frequent first */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TagValueList"];
                };
            };
            400: components["responses"]["BadRequest"];
            422: components["responses"]["TooLarge"];
            429: components["responses"]["Overload"];
            500: components["responses"]["Failed"];
            503: components["responses"]["Unavailable"];
            504: components["responses"]["Timeout"];
        };
    };
    trace: {
        parameters: {
            query?: {
                /** @description The view that rows are of; the trace as it is now if absent */
                view?: components["parameters"]["View"];
            };
            header?: {
                /** @description The tenant, or several as `a|b`, at most 64 */
                "X-Scope-OrgID"?: components["parameters"]["Tenants"];
            };
            path: {
                /** @description 1 to 32 hex digits */
                traceId: components["parameters"]["TraceId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The trace in OTLP */
            200: {
                headers: {
                    "Clew-Gap": components["headers"]["Gap"];
                    "Clew-Sampling": components["headers"]["Sampling"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OtlpTraces"];
                    "application/x-protobuf": string;
                };
            };
            400: components["responses"]["BadRequest"];
            404: components["responses"]["NotFound"];
            410: components["responses"]["Gone"];
            422: components["responses"]["TooLarge"];
            429: components["responses"]["Overload"];
            500: components["responses"]["Failed"];
            503: components["responses"]["Unavailable"];
            504: components["responses"]["Timeout"];
        };
    };
    traceView: {
        parameters: {
            query?: {
                /** @description The view that rows are of; the trace as it is now if absent */
                view?: components["parameters"]["View"];
            };
            header?: {
                /** @description The tenant, or several as `a|b`, at most 64 */
                "X-Scope-OrgID"?: components["parameters"]["Tenants"];
            };
            path: {
                /** @description 1 to 32 hex digits */
                traceId: components["parameters"]["TraceId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The view that was asked for if it is still kept, else one of the trace as it is now */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TraceView"];
                };
            };
            400: components["responses"]["BadRequest"];
            404: components["responses"]["NotFound"];
            410: components["responses"]["Gone"];
            422: components["responses"]["TooLarge"];
            429: components["responses"]["Overload"];
            500: components["responses"]["Failed"];
            503: components["responses"]["Unavailable"];
            504: components["responses"]["Timeout"];
        };
    };
    traceColumn: {
        parameters: {
            query: {
                /** @description The view that rows are of; the trace as it is now if absent */
                view?: components["parameters"]["View"];
                /**
                 * @description An attribute or intrinsic as TraceQL has it, `service`, or the mere key of an attribute
                 * @example span.http.method
                 */
                name: string;
            };
            header?: {
                /** @description The tenant, or several as `a|b`, at most 64 */
                "X-Scope-OrgID"?: components["parameters"]["Tenants"];
            };
            path: {
                /** @description 1 to 32 hex digits */
                traceId: components["parameters"]["TraceId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The distinct values, and which of them each row has */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TraceColumn"];
                };
            };
            400: components["responses"]["BadRequest"];
            404: components["responses"]["NotFound"];
            410: components["responses"]["Gone"];
            422: components["responses"]["TooLarge"];
            429: components["responses"]["Overload"];
            500: components["responses"]["Failed"];
            503: components["responses"]["Unavailable"];
            504: components["responses"]["Timeout"];
        };
    };
    traceFind: {
        parameters: {
            query: {
                /** @description The view that rows are of; the trace as it is now if absent */
                view?: components["parameters"]["View"];
                /**
                 * @description TraceQL; conditions such as `duration > 1s`; or words, each of which has to be in the span somewhere (names, id, message, keys and values of all its attributes), in any case. `-word` excludes, quotes keep words together, OR parts alternatives
                 * @example timeout -cache
                 */
                q: string;
            };
            header?: {
                /** @description The tenant, or several as `a|b`, at most 64 */
                "X-Scope-OrgID"?: components["parameters"]["Tenants"];
            };
            path: {
                /** @description 1 to 32 hex digits */
                traceId: components["parameters"]["TraceId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The rows, ascending */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TraceFound"];
                };
            };
            400: components["responses"]["BadRequest"];
            404: components["responses"]["NotFound"];
            410: components["responses"]["Gone"];
            422: components["responses"]["TooLarge"];
            429: components["responses"]["Overload"];
            500: components["responses"]["Failed"];
            503: components["responses"]["Unavailable"];
            504: components["responses"]["Timeout"];
        };
    };
    traceSpan: {
        parameters: {
            query?: {
                /** @description The view that rows are of; the trace as it is now if absent */
                view?: components["parameters"]["View"];
                /** @description `false` does not look for spans that link to this one */
                linkedFrom?: boolean;
            };
            header?: {
                /** @description The tenant, or several as `a|b`, at most 64 */
                "X-Scope-OrgID"?: components["parameters"]["Tenants"];
            };
            path: {
                /** @description 1 to 32 hex digits */
                traceId: components["parameters"]["TraceId"];
                /** @description A row of the view, or a span id of 16 hex digits, of which the first row counts */
                span: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The span */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SpanDetails"];
                };
            };
            400: components["responses"]["BadRequest"];
            404: components["responses"]["NotFound"];
            410: components["responses"]["Gone"];
            422: components["responses"]["TooLarge"];
            429: components["responses"]["Overload"];
            500: components["responses"]["Failed"];
            503: components["responses"]["Unavailable"];
            504: components["responses"]["Timeout"];
        };
    };
    traceLogs: {
        parameters: {
            query?: {
                /** @description The view that rows are of; the trace as it is now if absent */
                view?: components["parameters"]["View"];
                /** @description Id of the span whose records are wanted */
                span?: string;
                /** @description Least severity: trace, debug, info, warn, error, fatal, or one of OTLP's numbers */
                severity?: string;
                /** @description Text that the body, the name, the service or an attribute has, in any case */
                q?: string;
                /** @description Most records */
                limit?: number;
                /** @description Where the page begins: `next` of the one before */
                after?: string;
            };
            header?: {
                /** @description The tenant, or several as `a|b`, at most 64 */
                "X-Scope-OrgID"?: components["parameters"]["Tenants"];
            };
            path: {
                /** @description 1 to 32 hex digits */
                traceId: components["parameters"]["TraceId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page; with `Accept: application/x-protobuf` the same records as OTLP */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LogList"];
                    "application/x-protobuf": string;
                };
            };
            400: components["responses"]["BadRequest"];
            404: components["responses"]["NotFound"];
            410: components["responses"]["Gone"];
            422: components["responses"]["TooLarge"];
            429: components["responses"]["Overload"];
            500: components["responses"]["Failed"];
            503: components["responses"]["Unavailable"];
            504: components["responses"]["Timeout"];
        };
    };
    logLines: {
        parameters: {
            query?: {
                /** @description Service of lines that name none */
                service?: string;
            };
            header?: {
                /** @description The tenant; the default one if absent */
                "X-Scope-OrgID"?: components["parameters"]["Tenant"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/x-ndjson": string;
            };
        };
        responses: {
            /** @description What became of the lines */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LinesAnswer"];
                };
            };
            400: components["responses"]["BadRequest"];
            422: components["responses"]["TooLarge"];
            429: components["responses"]["Overload"];
            500: components["responses"]["Failed"];
            503: components["responses"]["Unavailable"];
        };
    };
    traceStatistics: {
        parameters: {
            query?: {
                /** @description The view that rows are of; the trace as it is now if absent */
                view?: components["parameters"]["View"];
                /** @description What spans are grouped by, once or twice: as in `name` of a column */
                by?: string[];
            };
            header?: {
                /** @description The tenant, or several as `a|b`, at most 64 */
                "X-Scope-OrgID"?: components["parameters"]["Tenants"];
            };
            path: {
                /** @description 1 to 32 hex digits */
                traceId: components["parameters"]["TraceId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Groups by self time, the longest first */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TraceStatistics"];
                };
            };
            400: components["responses"]["BadRequest"];
            404: components["responses"]["NotFound"];
            410: components["responses"]["Gone"];
            422: components["responses"]["TooLarge"];
            429: components["responses"]["Overload"];
            500: components["responses"]["Failed"];
            503: components["responses"]["Unavailable"];
            504: components["responses"]["Timeout"];
        };
    };
    status: {
        parameters: {
            query?: never;
            header?: {
                /** @description The tenant; the default one if absent */
                "X-Scope-OrgID"?: components["parameters"]["Tenant"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What holds now */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Status"];
                };
            };
            400: components["responses"]["BadRequest"];
        };
    };
    doctor: {
        parameters: {
            query?: {
                /** @description RFC 3339, or nanoseconds since 1970; an hour before `end` if absent */
                start?: string;
                /** @description RFC 3339, or nanoseconds since 1970; now if absent */
                end?: string;
            };
            header?: {
                /** @description The tenant; the default one if absent */
                "X-Scope-OrgID"?: components["parameters"]["Tenant"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Findings */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DoctorReport"];
                };
            };
            400: components["responses"]["BadRequest"];
            422: components["responses"]["TooLarge"];
            429: components["responses"]["Overload"];
            500: components["responses"]["Failed"];
            503: components["responses"]["Unavailable"];
            504: components["responses"]["Timeout"];
        };
    };
    sampling: {
        parameters: {
            query?: never;
            header?: {
                /** @description The tenant; the default one if absent */
                "X-Scope-OrgID"?: components["parameters"]["Tenant"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What holds now */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SamplingOverview"];
                };
            };
            400: components["responses"]["BadRequest"];
        };
    };
    keep: {
        parameters: {
            query: {
                /**
                 * @description TraceQL, or plain words
                 * @example { status = error }
                 */
                q: string;
            };
            header?: {
                /** @description The tenant; the default one if absent */
                "X-Scope-OrgID"?: components["parameters"]["Tenant"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What it did */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["KeepAnswer"];
                };
            };
            400: components["responses"]["BadRequest"];
            422: components["responses"]["TooLarge"];
            429: components["responses"]["Overload"];
            500: components["responses"]["Failed"];
            503: components["responses"]["Unavailable"];
            504: components["responses"]["Timeout"];
        };
    };
    simulate: {
        parameters: {
            query?: {
                /** @description RFC 3339, or nanoseconds since 1970; an hour before `end` if absent */
                start?: string;
                /** @description RFC 3339, or nanoseconds since 1970; now if absent */
                end?: string;
            };
            header?: {
                /** @description The tenant; the default one if absent */
                "X-Scope-OrgID"?: components["parameters"]["Tenant"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description A file of policies as for `tail-sampling.policies`, of at most 1 MiB */
        requestBody: {
            content: {
                "application/yaml": string;
                "application/json": unknown;
            };
        };
        responses: {
            /** @description What they would have kept */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Simulation"];
                };
            };
            400: components["responses"]["BadRequest"];
            422: components["responses"]["TooLarge"];
            429: components["responses"]["Overload"];
            500: components["responses"]["Failed"];
            503: components["responses"]["Unavailable"];
            504: components["responses"]["Timeout"];
        };
    };
    percentile: {
        parameters: {
            query: {
                /** @description The service; spans without one if absent */
                service?: string;
                /** @description The span name */
                name?: string;
                /** @description The kind of the spans; any if absent */
                kind?: "unspecified" | "internal" | "server" | "client" | "producer" | "consumer";
                /**
                 * @description Nanoseconds
                 * @example 250000000
                 */
                durationNanos: string;
                /** @description RFC 3339, or nanoseconds since 1970: spans that start then or later */
                start?: components["parameters"]["Start"];
                /** @description RFC 3339, or nanoseconds since 1970: spans that start earlier */
                end?: components["parameters"]["End"];
            };
            header?: {
                /** @description The tenant; the default one if absent */
                "X-Scope-OrgID"?: components["parameters"]["Tenant"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Of the spans that start in the range, by default the last hour before `end`, or before now */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Percentile"];
                };
            };
            400: components["responses"]["BadRequest"];
            422: components["responses"]["TooLarge"];
            429: components["responses"]["Overload"];
            500: components["responses"]["Failed"];
            503: components["responses"]["Unavailable"];
            504: components["responses"]["Timeout"];
        };
    };
    upload: {
        parameters: {
            query?: never;
            header?: {
                /** @description The tenant; the default one if absent */
                "X-Scope-OrgID"?: components["parameters"]["Tenant"];
            };
            path?: never;
            cookie?: never;
        };
        /** @description OTLP, Jaeger or Zipkin v2; JSON may come as several documents, as on the lines of a JSONL file; at most 64 MiB and 1,000 traces */
        requestBody: {
            content: {
                "application/json": unknown;
                "application/x-protobuf": string;
            };
        };
        responses: {
            /** @description The traces, the latest first */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UploadAnswer"];
                };
            };
            400: components["responses"]["BadRequest"];
            422: components["responses"]["TooLarge"];
            429: components["responses"]["Overload"];
            500: components["responses"]["Failed"];
            503: components["responses"]["Unavailable"];
            504: components["responses"]["Timeout"];
        };
    };
    description: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A description of this API in OpenAPI 3.1 */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenApi"];
                };
            };
            400: components["responses"]["BadRequest"];
        };
    };
}
