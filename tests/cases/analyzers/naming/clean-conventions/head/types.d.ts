export declare function legacy_call(some_arg: string): void;
