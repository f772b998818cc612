package com.example;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;

import org.junit.jupiter.api.Test;

class GradeTest {
    @Test
    void passes() {
        assertEquals("pass", Grade.of(70));
    }

    @Test
    void later() {
        assertNotNull(Grade.later(() -> { }));
    }
}
