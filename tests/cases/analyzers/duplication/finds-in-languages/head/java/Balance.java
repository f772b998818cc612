package shop;

import java.util.List;

class Balance {
    int weigh(List<Part> parts, int limit) {
        int total = 0;
        for (Part part : parts) {
            if (part == null || part.isEmpty()) {
                continue;
            }
            int weight = part.weight() * part.count();
            if (weight > limit) {
                throw new IllegalStateException("too heavy: " + part);
            }
            total += weight;
            while (total > limit) {
                total -= part.step();
                log.info("reduced by {}", part.step());
            }
        }
        return total;
    }
}
