public class Shop {
  public static final int max_items = 3;
  public int Get_Price(int item_id) {
    int raw_price = item_id;
    return raw_price;
  }
}
class order_line {}
