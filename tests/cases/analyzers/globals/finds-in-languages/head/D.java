public class D {
  static int count;
  public static String name = "x";
  static final int MAX = 1;
  private static D instance;
  void add() { count++; }
  static D get() { if (instance == null) instance = new D(); return instance; }
}
