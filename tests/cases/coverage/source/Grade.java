package com.example;

/** Grades of a test. */
public final class Grade {
    private Grade() {
    }

    public static String of(int points) {
        if (points < 0 || points > 100) {
            throw new IllegalArgumentException("points");
        }
        return points >= 50 ? "pass" : "fail";
    }

    public static Runnable later(Runnable task) {
        return () -> {
            task.run();
        };
    }
}
